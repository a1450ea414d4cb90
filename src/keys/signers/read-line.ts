/** The one line that each side of a connection to a signing agent has to say. */

import type { Readable } from 'node:stream'

const NEWLINE = 0x0a
const FIRST_SIZE = 4096

/**
 * What comes before the first newline; undefined where the stream ends before it, or where it is
 * longer than `maximum` bytes. The stream stays open. Bytes that come one by one take no more memory
 * than those that come together.
 */
export async function readLine(stream: Readable, maximum: number): Promise<Uint8Array | undefined> {
  let line = new Uint8Array(Math.min(FIRST_SIZE, maximum))
  let size = 0
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    const bytes = chunk as Uint8Array // no encoding is set, so these are buffers
    const end = bytes.indexOf(NEWLINE)
    const part = end < 0 ? bytes : bytes.subarray(0, end)
    if (size + bytes.length > maximum) return undefined
    if (size + part.length > line.length) {
      const larger = new Uint8Array(Math.min(maximum, 2 * (size + part.length)))
      larger.set(line.subarray(0, size))
      line = larger
    }
    line.set(part, size)
    size += part.length
    if (end >= 0) return line.subarray(0, size)
  }
  return undefined
}
