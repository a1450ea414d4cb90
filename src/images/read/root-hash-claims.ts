/** Every place in or beside an image that states its root hash, and the signatures over them. */

import { concat } from '../../bytes/concat.ts'
import { parseUuid } from '../../bytes/uuid.ts'
import { decodeSignedData, type SignedData } from '../../formats/pkcs7/decode.ts'
import { decodeVeritySignature, type VeritySignature } from '../../formats/verity-signature.ts'
import { LARGEST_SIGNATURE_PARTITION } from '../../formats/verity-signature-reader.ts'
import { type Attempt, attempt, resultOf } from './attempt.ts'
import type { OpenImage } from './open-image.ts'
import { type Generation, type ReaderSeal, readSeal } from './reader-seal.ts'

/** A statement of what the root hash is. */
export interface RootHashClaim {
  /** `partition UUIDs`, `signature partition`, or the path of a file. */
  readonly where: string
  readonly rootHash: Uint8Array
}

/** A signature of a root hash. */
export interface FoundSignature {
  /** `signature partition`, or the path of a file. */
  readonly where: string
  /** What it is over; undefined where nothing says so. */
  readonly rootHash: Uint8Array | undefined
  readonly certificateFingerprint: Uint8Array | undefined
  readonly message: Attempt<SignedData>
  /** Bytes of the message. */
  readonly size: number
}

export interface RootHashes {
  readonly claims: readonly RootHashClaim[]
  /** The JSON of the signature partition, where there is such a partition. */
  readonly partition: Attempt<VeritySignature> | undefined
  readonly signatures: readonly FoundSignature[]
  /** What of all this systemd uses. */
  readonly seals: Readonly<Record<Generation, ReaderSeal>>
}

/** Collects all of them. */
export async function collectRootHashes(image: OpenImage): Promise<RootHashes> {
  const { sidecars, signature } = image
  // One byte more than a reader takes is enough to have it refused.
  const size = Math.min(signature?.size ?? 0, LARGEST_SIGNATURE_PARTITION + 1)
  const bytes = await signature?.source.read(0, size)
  const partition = bytes && (await attempt(() => decodeVeritySignature(bytes)))
  const json = resultOf(partition)
  const uuids = uuidClaim(image)
  const claims: RootHashClaim[] = []
  if (json) claims.push({ where: 'signature partition', rootHash: json.rootHash })
  if (uuids) claims.push({ where: 'partition UUIDs', rootHash: uuids })
  const [sidecar] = sidecars.paths
  if (sidecars.rootHash && sidecar) claims.push({ where: sidecar, rootHash: sidecars.rootHash })

  const signatures: FoundSignature[] = []
  if (json) {
    signatures.push({
      where: 'signature partition',
      rootHash: json.rootHash,
      certificateFingerprint: json.certificateFingerprint,
      message: await attempt(() => decodeSignedData(json.signature)),
      size: json.signature.length,
    })
  }
  const message = sidecars.signature
  if (message) {
    signatures.push({
      where: sidecars.paths.find((path) => path.endsWith('.p7s')) ?? 'sidecar',
      rootHash: sidecars.rootHash ?? uuids,
      certificateFingerprint: undefined,
      message: await attempt(() => decodeSignedData(message)),
      size: message.length,
    })
  }
  const seals = {
    'systemd 257': await readSeal(image, bytes, uuids, 'systemd 257'),
    'systemd 262': await readSeal(image, bytes, uuids, 'systemd 262'),
  }
  return { claims, partition, signatures, seals }
}

/** The root hash that the UUIDs of data and hash partition spell, as systemd guesses it. */
function uuidClaim({ data, hash }: OpenImage): Uint8Array | undefined {
  if (!data?.partition || !hash?.partition) return undefined
  const first = parseUuid(data.partition.partitionGuid)
  const last = parseUuid(hash.partition.partitionGuid)
  return first && last && concat(first, last)
}
