/** Signature lists from certificates and digests. */

import { concat, concatAll } from '../../bytes/concat.ts'
import { encode } from '../../bytes/struct.ts'
import { formatUuid } from '../../bytes/uuid.ts'
import { sha256 } from '../../crypto/sha256.ts'
import {
  SHA256_SIZE,
  SIGNATURE_TYPES,
  type SignatureEntry,
  type SignatureKind,
  type SignatureList,
  SignatureListHeader,
  SignatureOwner,
} from './layout.ts'

/** What a variable shall trust, or what it shall refuse. */
export interface Signatures {
  /** DER. */
  readonly certificates?: readonly Uint8Array[] | undefined
  /** SHA-256 Authenticode digests, 32 bytes each. */
  readonly digests?: readonly Uint8Array[] | undefined
  /** GUID of all entries. Default: {@link deriveOwner} of each. */
  readonly owner?: string | undefined
}

/** The bytes of lists, one after the other. */
export function encodeSignatureLists(lists: readonly SignatureList[]): Uint8Array {
  return concatAll(lists.map(encodeList))
}

/**
 * Lists as firmware wants them: one for each certificate, because certificates differ in size, and
 * one for all digests.
 *
 * @throws RangeError where a digest has not 32 bytes.
 */
export function makeSignatureLists({
  certificates = [],
  digests = [],
  owner,
}: Signatures): readonly SignatureList[] {
  for (const { length } of digests) {
    if (length !== SHA256_SIZE) throw new RangeError(`a SHA-256 digest of ${length} bytes`)
  }
  const entry = (data: Uint8Array): SignatureEntry => ({ owner: owner ?? deriveOwner(data), data })
  const list = (type: SignatureKind, entries: readonly SignatureEntry[]): SignatureList => ({
    type,
    header: new Uint8Array(0),
    entries,
  })
  return [
    ...certificates.map((data) => list('x509', [entry(data)])),
    ...(digests.length > 0 ? [list('sha256', digests.map(entry))] : []),
  ]
}

/**
 * The owner of an entry nobody named one for, the same for the same entry: SHA-256 of its data cut
 * to 16 bytes and marked as a UUID of version 8 (RFC 9562 §5.8). Firmware does not look at it.
 * Part of the format: changing this changes every list.
 */
export function deriveOwner(data: Uint8Array): string {
  const bytes = sha256(data).slice(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return formatUuid(bytes)
}

function encodeList({ type, header, entries }: SignatureList): Uint8Array {
  const [first] = entries
  if (!first || entries.some(({ data }) => data.length !== first.data.length)) {
    throw new RangeError('the entries of a list have one size, and there is at least one')
  }
  const signatureSize = SignatureOwner.size + first.data.length
  const listHeader = encode(SignatureListHeader, {
    signatureType: Object.hasOwn(SIGNATURE_TYPES, type)
      ? SIGNATURE_TYPES[type as SignatureKind] // a key of the table
      : type,
    listSize: SignatureListHeader.size + header.length + entries.length * signatureSize,
    headerSize: header.length,
    signatureSize,
  })
  const parts = entries.flatMap(({ owner, data }) => [encode(SignatureOwner, { owner }), data])
  return concat(listHeader, header, ...parts)
}
