/** Signature lists as values. What a certificate in them says is not looked at. */

import { decode } from '../../bytes/struct.ts'
import { FormatError, type FormatErrorCode } from '../../errors.ts'
import {
  SHA256_SIZE,
  SIGNATURE_TYPES,
  type SignatureEntry,
  type SignatureKind,
  type SignatureList,
  SignatureListHeader,
  SignatureOwner,
} from './layout.ts'

const FORMAT = 'signature list'
/** Firmware has room for some ten KiB; the longest list of revocations has 24. */
const MAX_SIZE = 1024 * 1024

/**
 * Reads lists until the end of `bytes`; none is none.
 *
 * @throws FormatError where they are no lists, or end in the middle of one.
 */
export function decodeSignatureLists(bytes: Uint8Array): readonly SignatureList[] {
  if (bytes.length > MAX_SIZE) {
    throw bad('TOO_LARGE', `${bytes.length} bytes, at most ${MAX_SIZE} are read`, 0)
  }
  const lists: SignatureList[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const { list, size } = readList(bytes, offset)
    lists.push(list)
    offset += size
  }
  return lists
}

function readList(bytes: Uint8Array, offset: number): { list: SignatureList; size: number } {
  const left = bytes.length - offset
  if (left < SignatureListHeader.size) {
    const fact = `a header of ${SignatureListHeader.size} bytes, ${left} are left`
    throw bad('TRUNCATED', fact, offset)
  }
  const header = decode(SignatureListHeader, bytes, offset)
  const { listSize, headerSize, signatureSize } = header
  const fail = (message: string, field: keyof SignatureListHeader) =>
    bad('BAD_VALUE', message, offset + SignatureListHeader.offsets[field])
  if (listSize > left) {
    throw bad('TRUNCATED', `a list of ${listSize} bytes, ${left} are left`, offset)
  }
  const start = SignatureListHeader.size + headerSize
  if (start > listSize)
    throw fail(`a header of ${headerSize} bytes in a list of ${listSize}`, 'headerSize')
  if (signatureSize <= SignatureOwner.size) {
    throw fail(
      `entries of ${signatureSize} bytes, which leaves nothing beside the owner`,
      'signatureSize',
    )
  }
  const space = listSize - start
  if (space === 0 || space % signatureSize !== 0) {
    throw fail(`entries of ${signatureSize} bytes in ${space} bytes`, 'signatureSize')
  }
  const type = nameOfType(header.signatureType)
  if (type === 'sha256' && signatureSize !== SignatureOwner.size + SHA256_SIZE) {
    throw fail(`SHA-256 digests of ${signatureSize - SignatureOwner.size} bytes`, 'signatureSize')
  }
  const entries: SignatureEntry[] = []
  for (let at = offset + start; at < offset + listSize; at += signatureSize) {
    const { owner } = decode(SignatureOwner, bytes, at)
    entries.push({ owner, data: bytes.slice(at + SignatureOwner.size, at + signatureSize) })
  }
  const listHeader = bytes.slice(offset + SignatureListHeader.size, offset + start)
  return { list: { type, header: listHeader, entries }, size: listSize }
}

function nameOfType(guid: string): string {
  const kinds = Object.keys(SIGNATURE_TYPES) as SignatureKind[]
  return kinds.find((kind) => SIGNATURE_TYPES[kind] === guid) ?? guid
}

function bad(code: FormatErrorCode, message: string, offset: number): FormatError {
  return new FormatError(FORMAT, code, message, { offset })
}
