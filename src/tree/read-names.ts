/** The names in a directory of the build host, in the order of the image. */

import { readdirSync } from 'node:fs'
import { compareBytes } from '../bytes/equal.ts'
import { decodeUtf8 } from '../bytes/utf8.ts'
import { type HostPath, toPathLike } from './host-path.ts'

export interface Name {
  readonly bytes: Uint8Array
  /** The same as text, where it is valid UTF-8. */
  readonly text: string | undefined
}

/** From here on UTF-16 order, which JavaScript sorts by, may differ from the order of the bytes. */
const SURROGATE_OR_ABOVE = /[\ud800-\uffff]/

/** Sorted by bytes. Throws what the system throws. */
export function readNames(directory: HostPath): Name[] {
  const texts = readdirSync(toPathLike(directory), 'utf8')
  if (texts.some((text) => SURROGATE_OR_ABOVE.test(text))) return readByteNames(directory)
  texts.sort()
  // One buffer for all: a buffer of its own costs a name more memory than its bytes.
  const all = Buffer.from(texts.join(''))
  let offset = 0
  return texts.map((text) => {
    const start = offset
    offset += Buffer.byteLength(text)
    return { bytes: new Uint8Array(all.buffer, all.byteOffset + start, offset - start), text }
  })
}

/** For names that are not UTF-8 (listed with replacement characters as text), or beyond the BMP. */
function readByteNames(directory: HostPath): Name[] {
  return readdirSync(toPathLike(directory), 'buffer')
    .sort(compareBytes)
    .map((bytes) => ({ bytes: new Uint8Array(bytes), text: decodeUtf8(bytes) }))
}
