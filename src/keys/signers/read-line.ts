/** The one line that each side of a connection to a signing agent has to say. */

import type { Readable } from 'node:stream'

const NEWLINE = 0x0a

/**
 * What comes before the first newline; undefined where the stream ends before it, or where it is
 * longer than `maximum` bytes. The stream stays open.
 */
export async function readLine(stream: Readable, maximum: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    const bytes = chunk as Uint8Array // no encoding is set, so these are buffers
    const end = bytes.indexOf(NEWLINE)
    chunks.push(end < 0 ? bytes : bytes.subarray(0, end))
    size += bytes.length
    if (size > maximum) return undefined
    if (end >= 0) return new Uint8Array(Buffer.concat(chunks))
  }
  return undefined
}
