/**
 * The root hash and the signature that systemd uses, of all that an image and the files beside it
 * state: a file with the root hash wins over the signature partition.
 *
 * Where neither is there, systemd 262 takes the UUIDs of the partitions for the root hash, and 257
 * leaves the hash tree unused. 257 takes nothing for that of a usr partition but a file, not even the
 * signature partition: without it whatever is in the partition is mounted, also where the policy
 * wants it signed. See systemd src/shared/dissect-image.c.
 */

import { equalBytes } from '../../bytes/equal.ts'
import { decodeSignedData } from '../../formats/pkcs7/decode.ts'
import { readVeritySignature } from '../../formats/verity-signature-reader.ts'
import { attempt } from './attempt.ts'
import type { OpenImage } from './open-image.ts'
import type { FoundSignature } from './root-hash-claims.ts'

/** The versions of systemd for which it is said what they do. */
export const GENERATIONS = ['systemd 257', 'systemd 262'] as const
export type Generation = (typeof GENERATIONS)[number]

/** What the hash tree is activated with. */
export interface ReaderSeal {
  /** Undefined where the hash tree is not used, for nothing states one that is read. */
  readonly rootHash: Uint8Array | undefined
  readonly signature: FoundSignature | undefined
  /** Why systemd refuses what is stated. */
  readonly objection: SealObjection | undefined
}

export interface SealObjection {
  /** False where it is not known here what systemd reads. */
  readonly certain: boolean
  readonly reason: string
}

/**
 * @param partition the content of the signature partition, where there is one
 * @param uuids the root hash that the UUIDs of the partitions spell
 */
export async function readSeal(
  image: OpenImage,
  partition: Uint8Array | undefined,
  uuids: Uint8Array | undefined,
  generation: Generation,
): Promise<ReaderSeal> {
  const { gpt, designator, sidecars } = image
  const isGuessing = generation !== 'systemd 257'
  const { rootHash: stated, signature: message, paths } = sidecars
  const defect = findDefect(image)
  if (defect) return defect
  if (gpt && sidecars.stray) {
    return refuse(`EADDRNOTAVAIL: no partition for the root hash in ${sidecars.stray}`)
  }
  if (stated && uuids && !agrees(stated, uuids)) {
    return refuse(`EADDRNOTAVAIL: no partitions with the UUIDs that ${paths[0]} demands`)
  }
  if (stated && message) {
    const where = paths.find((path) => path.endsWith('.p7s')) ?? 'sidecar'
    return use(stated, { where, message })
  }
  const isRead = isGuessing || designator === 'root' || stated !== undefined
  if (!partition || !isRead) {
    const rootHash = stated ?? (isGuessing ? uuids : undefined)
    return { rootHash, signature: undefined, objection: undefined }
  }
  const read = readVeritySignature(partition)
  if (read.kind !== 'read') {
    const reason = `${read.reason} in the signature partition`
    return { ...refuse(reason), objection: { certain: read.kind === 'refused', reason } }
  }
  if (stated && !equalBytes(stated, read.rootHash)) {
    return refuse(`EINVAL: the signature partition has another root hash than ${paths[0]}`)
  }
  return use(read.rootHash, { where: 'signature partition', message: read.signature })
}

/** A file that is read and does not hold what it should. */
function findDefect({ gpt, hash, sidecars }: OpenImage): ReaderSeal | undefined {
  const { rootHash, defects, paths } = sidecars
  for (const { role, path, fact, code, isRead } of defects) {
    if (!isRead || (role === 'hash tree' && gpt)) continue
    const place = role === 'hash tree' ? `the hash tree in ${path}` : path
    const reason = code && role !== 'hash tree' ? `${code}: ${place}: ${fact}` : `${place}: ${fact}`
    return { ...refuse(reason), objection: { certain: code !== undefined, reason } }
  }
  if (gpt && rootHash && !hash) {
    return refuse(`EADDRNOTAVAIL: no hash tree for the root hash in ${paths[0]}`)
  }
  return undefined
}

async function use(
  rootHash: Uint8Array,
  { where, message }: { readonly where: string; readonly message: Uint8Array },
): Promise<ReaderSeal> {
  const signature: FoundSignature = {
    where,
    rootHash,
    certificateFingerprint: undefined,
    message: await attempt(() => decodeSignedData(message)),
    size: message.length,
  }
  return { rootHash, signature, objection: undefined }
}

function refuse(reason: string): ReaderSeal {
  return { rootHash: undefined, signature: undefined, objection: { certain: true, reason } }
}

/** Partitions are found by the first and the last 16 bytes. */
function agrees(rootHash: Uint8Array, uuids: Uint8Array): boolean {
  return (
    equalBytes(rootHash.subarray(0, 16), uuids.subarray(0, 16)) &&
    equalBytes(rootHash.subarray(-16), uuids.subarray(-16))
  )
}
