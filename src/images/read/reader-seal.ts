/**
 * The root hash and the signature that systemd uses, of all that an image and the files beside it
 * state: a file with the root hash wins over the signature partition.
 */

import { equalBytes } from '../../bytes/equal.ts'
import { decodeSignedData } from '../../formats/pkcs7/decode.ts'
import { readVeritySignature } from '../../formats/verity-signature-reader.ts'
import { attempt } from './attempt.ts'
import type { OpenImage } from './open-image.ts'
import type { FoundSignature } from './root-hash-claims.ts'

/** What the hash tree is activated with. */
export interface ReaderSeal {
  /** Undefined where nothing states one: then the hash tree is not used. */
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

/** @param partition the content of the signature partition, where there is one */
export async function readSeal(
  { gpt, sidecars }: OpenImage,
  partition: Uint8Array | undefined,
  uuids: Uint8Array | undefined,
): Promise<ReaderSeal> {
  const { rootHash: stated, signature: message, paths } = sidecars
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
  if (!partition) return { rootHash: stated, signature: undefined, objection: undefined }
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
