/**
 * Every identifier in an extension image, derived from one seed exactly as systemd-repart does.
 *
 * See systemd src/repart/repart.c. All of it is part of the format: changing a derivation changes
 * every image.
 */

import { concat } from '../../bytes/concat.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { formatUuid, parseUuid } from '../../bytes/uuid.ts'
import { hmacSha256 } from '../../crypto/sha256.ts'
import { type Designator, type PartitionRole, partitionTypeGuid } from '../gpt/index.ts'

/** What the seed decides; the UUIDs of the data and hash partition come from the root hash. */
export interface DdiIdentity {
  readonly diskGuid: string
  readonly filesystemUuid: string
  readonly verityUuid: string
  /** 32 bytes. */
  readonly veritySalt: Uint8Array
  readonly signaturePartitionUuid: string
}

/** The key of {@link deriveSeed}. */
const SEED_KEY = encodeUtf8('extsign image seed')

/**
 * The identifiers of an image with one tree of `architecture`.
 *
 * @param seed UUID text, the one `systemd-repart --seed=` takes.
 * @throws TypeError where the seed is no UUID, RangeError where there are no partition types for
 *   the architecture.
 */
export function deriveIdentity(
  seed: string,
  architecture: string,
  designator: Designator = 'root',
): DdiIdentity {
  const key = uuidBytes(seed)
  const base = (role: PartitionRole) =>
    partitionUuid(seed, requireTypeGuid(designator, role, architecture))
  return {
    diskGuid: deriveUuid(key, 'disk-uuid'),
    filesystemUuid: deriveUuid(uuidBytes(base('data')), 'file-system-uuid'),
    verityUuid: deriveUuid(key, 'verity-uuid'),
    veritySalt: hmacSha256(key, encodeUtf8('verity-salt')),
    signaturePartitionUuid: base('signature'),
  }
}

/**
 * The UUID of the `index`-th partition of a type before a root hash replaces it.
 *
 * @throws TypeError where one of them is no UUID.
 */
export function partitionUuid(seed: string, typeGuid: string, index = 0): string {
  const counter = new Uint8Array(index === 0 ? 0 : 8)
  if (index > 0) new DataView(counter.buffer).setBigUint64(0, BigInt(index), true)
  return uuid4(hmacSha256(uuidBytes(seed), concat(uuidBytes(typeGuid), counter)))
}

/**
 * The UUIDs of the data and the hash partition: the first and the last 16 bytes of the root hash,
 * which is how readers find out which belong together.
 */
export function rootHashUuids(rootHash: Uint8Array): {
  readonly data: string
  readonly hash: string
} {
  if (rootHash.length < 16) throw new RangeError(`a root hash of ${rootHash.length} bytes`)
  return { data: formatUuid(rootHash.subarray(0, 16)), hash: formatUuid(rootHash.subarray(-16)) }
}

/**
 * The seed of an image nobody gave a seed: the same for the same kind, name and version.
 *
 * It is HMAC-SHA256 with the key `extsign image seed` over the three texts, each followed by a NUL
 * byte, cut to 16 bytes and marked as a version 4 UUID. A missing version counts as empty text.
 */
export function deriveSeed(input: {
  readonly kind: string
  readonly name: string
  readonly version?: string | undefined
}): string {
  const message = [input.kind, input.name, input.version ?? ''].map((text) => `${text}\0`).join('')
  return uuid4(hmacSha256(SEED_KEY, encodeUtf8(message)))
}

function deriveUuid(base: Uint8Array, token: string): string {
  return uuid4(hmacSha256(base, encodeUtf8(token)))
}

/** The first 16 bytes, marked as a random UUID of RFC 9562 §5.4. */
function uuid4(digest: Uint8Array): string {
  const bytes = digest.slice(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return formatUuid(bytes)
}

function uuidBytes(text: string): Uint8Array {
  const bytes = parseUuid(text)
  if (!bytes) throw new TypeError(`not a UUID: ${text}`)
  return bytes
}

function requireTypeGuid(
  designator: Designator,
  role: PartitionRole,
  architecture: string,
): string {
  const guid = partitionTypeGuid({ designator, role, architecture })
  if (guid === undefined) throw new RangeError(`no partition types for ${architecture}`)
  return guid
}
