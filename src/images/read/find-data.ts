/** Looks for bytes that are not zero. */

import type { Source } from '../../bytes/source.ts'

const CHUNK = new Uint8Array(1024 * 1024)

/** Offset of the first byte in a range that is not zero, or undefined where all are. */
export async function findData(
  source: Source,
  offset: number,
  size: number,
): Promise<number | undefined> {
  for (let done = 0; done < size; done += CHUNK.length) {
    const bytes = await source.read(offset + done, Math.min(CHUNK.length, size - done))
    if (Buffer.compare(bytes, CHUNK.subarray(0, bytes.length)) === 0) continue
    return offset + done + bytes.findIndex((byte) => byte !== 0)
  }
  return undefined
}
