/** What is encrypted together with the secret: its times and its name. */

import { alignUp } from '../../bytes/align.ts'
import { concat } from '../../bytes/concat.ts'
import { decode, encode } from '../../bytes/struct.ts'
import { decodeUtf8, encodeUtf8 } from '../../bytes/utf8.ts'
import { FormatError } from '../../errors.ts'
import { ALIGNMENT, FORMAT, MetadataHeader, NO_TIME } from './layout.ts'
import { findNameProblem } from './name.ts'

/** A moment in microseconds since 1970, UTC. */
export type Microseconds = bigint

export interface Metadata {
  /** When it was sealed. */
  readonly timestamp: Microseconds | undefined
  /** When it ceases to be valid. */
  readonly notAfter: Microseconds | undefined
  /** Undefined: it may be used under any name. */
  readonly name: string | undefined
}

/** @throws RangeError for times out of order and names that are none: the caller has checked them. */
export function encodeMetadata({ timestamp, notAfter, name }: Metadata): Uint8Array {
  if (timestamp !== undefined && notAfter !== undefined && timestamp >= notAfter) {
    throw new RangeError('a credential that ends before it begins')
  }
  const problem = name === undefined ? undefined : findNameProblem(name)
  if (problem !== undefined) throw new RangeError(`name of a credential: ${problem}`)
  const nameBytes = encodeUtf8(name ?? '')
  const header = encode(MetadataHeader, {
    timestamp: timestamp ?? NO_TIME,
    notAfter: notAfter ?? NO_TIME,
    nameSize: nameBytes.length,
  })
  const size = alignUp(header.length + nameBytes.length, ALIGNMENT)
  return concat(header, nameBytes, new Uint8Array(size - header.length - nameBytes.length))
}

/** The metadata at the start of what was decrypted, and the bytes behind it, which are not copied. */
export interface SplitPlaintext {
  readonly metadata: Metadata
  readonly secret: Uint8Array
}

/** @throws FormatError; offsets are those in the decrypted bytes. */
export function decodeMetadata(decrypted: Uint8Array): SplitPlaintext {
  if (decrypted.length < MetadataHeader.size) {
    throw new FormatError(FORMAT, 'TRUNCATED', `metadata has only ${decrypted.length} bytes`)
  }
  const header = decode(MetadataHeader, decrypted)
  const timestamp = header.timestamp === NO_TIME ? undefined : header.timestamp
  const notAfter = header.notAfter === NO_TIME ? undefined : header.notAfter
  if (timestamp !== undefined && notAfter !== undefined && timestamp >= notAfter) {
    throw new FormatError(FORMAT, 'BAD_VALUE', 'it ends before it begins')
  }
  const end = MetadataHeader.size + header.nameSize
  const size = alignUp(end, ALIGNMENT)
  if (size > decrypted.length) {
    throw new FormatError(FORMAT, 'TRUNCATED', `name of ${header.nameSize} bytes does not fit`)
  }
  return {
    metadata: { timestamp, notAfter, name: readName(decrypted.subarray(MetadataHeader.size, end)) },
    secret: decrypted.subarray(size),
  }
}

function readName(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return undefined
  const name = decodeUtf8(bytes)
  const problem = name === undefined ? 'it is not text' : findNameProblem(name)
  if (problem !== undefined) throw new FormatError(FORMAT, 'BAD_VALUE', `embedded name: ${problem}`)
  return name
}
