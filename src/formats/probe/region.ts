/** The bytes that libblkid looks at, read without trust: what lies outside is simply not there. */

import type { Source } from '../../bytes/source.ts'
import { viewOf } from '../../bytes/struct.ts'

export interface Region {
  readonly size: number
  /** Whether it is a whole device or a file, and no partition: some types are only looked for there. */
  readonly wholeDisk: boolean
  /**
   * Bytes that need no reading: those close to either end, or none where the range is outside.
   * Undefined where {@link bytes} has to read them.
   */
  held(offset: number, length: number): Uint8Array | undefined
  /** Undefined where the range is not inside. */
  bytes(offset: number, length: number): Promise<Uint8Array | undefined>
  /** The same as a view. */
  view(offset: number, length: number): Promise<DataView | undefined>
}

/** Nearly all types have their mark there. */
const HEAD = 68 * 1024
const TAIL = 8 * 1024
const NOTHING = new Uint8Array()

/** `source` as a region. */
export async function regionOf(source: Source, wholeDisk: boolean): Promise<Region> {
  const { size } = source
  const head = await source.read(0, Math.min(size, HEAD))
  const tailStart = Math.max(0, size - TAIL)
  const tail = await source.read(tailStart, size - tailStart)
  const isOutside = (offset: number, length: number) => offset < 0 || offset + length > size
  const held = (offset: number, length: number) => {
    if (isOutside(offset, length)) return NOTHING
    if (offset + length <= head.length) return head.subarray(offset, offset + length)
    if (offset < tailStart) return undefined
    return tail.subarray(offset - tailStart, offset - tailStart + length)
  }
  const bytes = async (offset: number, length: number) =>
    isOutside(offset, length) ? undefined : (held(offset, length) ?? source.read(offset, length))
  return {
    size,
    wholeDisk,
    held,
    bytes,
    view: async (offset, length) => {
      const read = await bytes(offset, length)
      return read && viewOf(read)
    },
  }
}
