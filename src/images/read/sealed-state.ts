/**
 * An image in one state of a change of its signature: whether it is whole in that state, and whether
 * two states are one image but for the signature.
 *
 * Only the places that change are read, and what says where they lie. The rest is the same in both.
 */

import { concat } from '../../bytes/concat.ts'
import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import type { Patch } from '../../bytes/patch.ts'
import type { Source } from '../../bytes/source.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { parseUuid } from '../../bytes/uuid.ts'
import { sha256 } from '../../crypto/sha256.ts'
import {
  decodeGpt,
  findPartitionType,
  type Gpt,
  type GptPartition,
} from '../../formats/gpt/index.ts'
import { decodeSignedData } from '../../formats/pkcs7/decode.ts'
import { findDeviations } from '../../formats/pkcs7/deviation.ts'
import { decodeVeritySignature, encodeVeritySignature } from '../../formats/verity-signature.ts'
import { verifySignedData } from '../../keys/verify-signature.ts'
import { attempt, resultOf } from './attempt.ts'
import { type SelectedPartitions, selectPartitions } from './select-partitions.ts'
import { embeddedCertificates } from './signer-text.ts'

/** An image that is whole, as far as a change of its signature touches it. */
export interface SealedState {
  readonly size: number
  readonly gpt: Gpt
  /** Entry and content of the signature partition; undefined where the image is not signed. */
  readonly signature: SealedSignature | undefined
}

export interface SealedSignature {
  readonly partition: GptPartition
  readonly content: Uint8Array
  /** The certificate of the signer is inside, and the signature is by it. */
  readonly isProven: boolean
}

/** Larger signature partitions are refused by systemd. */
const MAX_PARTITION = 4 * 1024 * 1024

/**
 * Reads the state in `source`; undefined where it is not whole: nothing is wrong in either copy of
 * the table, the signature partition is as we write it and of this image, and in the places that
 * change all bytes are zero that belong to nothing.
 */
export async function readSealedState(
  source: Source,
  places: readonly Patch[],
): Promise<SealedState | undefined> {
  const gpt = resultOf(await attempt(() => decodeGpt(source)))
  if (!gpt || gpt.problems.length > 0) return undefined
  const selected = selectPartitions(gpt).selected
  const [partition, ...others] = gpt.partitions.filter(isSignature)
  if (!selected?.hash || partition !== selected.signature || others.length > 0) return undefined
  const used = [...gpt.areas, ...gpt.partitions]
  if (!(await areZero(source, places, used))) return undefined
  if (!partition) return { size: source.size, gpt, signature: undefined }
  if (partition.size > MAX_PARTITION) return undefined
  const content = await source.read(partition.offset, partition.size)
  const proof = resultOf(await attempt(() => examineSignature(content, selected)))
  if (!proof) return undefined
  const signature = { partition, content, isProven: proof === 'proven' }
  return { size: source.size, gpt, signature }
}

/** Whether nothing but the signature differs, and no change touches anything else. */
export function isSignatureChange(
  before: SealedState,
  after: SealedState,
  places: readonly Patch[],
): boolean {
  const [from, to] = [before.signature?.partition, after.signature?.partition]
  if (!to || describe(before) !== describe(after)) return false
  const kept = before.gpt.partitions.filter((partition) => !isSignature(partition))
  const isKept = kept.every((partition) =>
    places.every(({ offset, bytes }) => !overlaps(offset, bytes.length, partition)),
  )
  if (!isKept || (from && from.index !== to.index)) return false
  const isInPlace = from?.offset === to.offset
  // What is neither can then be told from what is one of them: see docs/formats/change-journal.md.
  if (isInPlace) return after.signature?.isProven === true && isSameTable(before, after)
  // One that moves does so into room that was free, and the file grows only where there is none.
  if (from && overlaps(to.offset, to.size, from)) return false
  return isSameTable(before, after) || isBehind(to, before)
}

/** Whether two whole states have the same signature in the same place, or both none. */
export function isSameSignature(a: SealedState, b: SealedState): boolean {
  if (!a.signature || !b.signature) return a.signature === b.signature
  const [one, other] = [a.signature, b.signature]
  return one.partition.offset === other.partition.offset && equalBytes(one.content, other.content)
}

function isSignature({ typeGuid }: GptPartition): boolean {
  return findPartitionType(typeGuid)?.role === 'signature'
}

/** What has to stay: the other entries in every field, and what the table says of itself. */
function describe({ gpt }: SealedState): string {
  const { sectorSize, diskGuid, firstUsableLba, entryCount, areas, partitions } = gpt
  const entries = partitions
    .filter((partition) => !isSignature(partition))
    .map(({ attributes, ...rest }) => ({ ...rest, attributes: `${attributes}` }))
  // The first areas are protective MBR, primary header and its array; the backup may move.
  const primary = areas.slice(0, 3)
  return JSON.stringify([sectorSize, diskGuid, `${firstUsableLba}`, entryCount, primary, entries])
}

/** Whether size and usable sectors are the same. */
function isSameTable(before: SealedState, after: SealedState): boolean {
  return before.size === after.size && before.gpt.lastUsableLba === after.gpt.lastUsableLba
}

function overlaps(offset: number, size: number, other: { offset: number; size: number }): boolean {
  return offset < other.offset + other.size && other.offset < offset + size
}

/** Whether a partition needs room that the usable sectors of a smaller file do not have. */
function isBehind({ lastLba }: GptPartition, { gpt }: SealedState): boolean {
  return BigInt(lastLba) > gpt.lastUsableLba
}

/** Whether each byte of the places that no range covers is zero. */
async function areZero(
  source: Source,
  places: readonly Patch[],
  ranges: readonly { readonly offset: number; readonly size: number }[],
): Promise<boolean> {
  for (const { offset, bytes } of places) {
    const length = Math.min(bytes.length, source.size - offset)
    if (length <= 0) continue
    const content = Uint8Array.from(await source.read(offset, length))
    for (const range of ranges) {
      const start = Math.max(0, range.offset - offset)
      const end = range.offset + range.size - offset
      if (end > start) content.fill(0, start, end)
    }
    if (content.some((byte) => byte !== 0)) return false
  }
  return true
}

/**
 * Whether a partition holds a signature as we write it, of the root hash that the UUIDs spell.
 *
 * @returns undefined where it does not; `proven` where the certificate of the signer is inside
 * @throws FormatError
 */
function examineSignature(
  content: Uint8Array,
  { data, hash }: SelectedPartitions,
): 'proven' | 'plausible' | undefined {
  const value = decodeVeritySignature(content)
  const { rootHash, certificateFingerprint: stated } = value
  const [first, last] = [parseUuid(data.partitionGuid), hash && parseUuid(hash.partitionGuid)]
  if (!first || !last || !equalBytes(concat(first, last), rootHash)) return undefined
  if (!equalBytes(encodeVeritySignature(value, content.length), content)) return undefined
  const message = decodeSignedData(value.signature)
  if (findDeviations(message).length > 0) return undefined
  if (message.certificates.length === 0) return 'plausible'
  const inside = embeddedCertificates(message)
  const result = verifySignedData(message, encodeUtf8(toHex(rootHash)), inside)
  if (result.kind !== 'valid') return undefined
  const isStated = result.signers.every(({ der }) => stated && equalBytes(stated, sha256(der)))
  return isStated ? 'proven' : stated ? undefined : 'plausible'
}
