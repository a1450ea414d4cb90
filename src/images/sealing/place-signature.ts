/** Where the signature of a finished image goes, and what has to be written for it to be there. */

import { alignUp } from '../../bytes/align.ts'
import { concat } from '../../bytes/concat.ts'
import type { Patch } from '../../bytes/patch.ts'
import { ImageError } from '../../errors.ts'
import { GRAIN, SIGNATURE_PARTITION_SIZE } from '../../formats/ddi/placement.ts'
import {
  ATTRIBUTE_READ_ONLY,
  editGpt,
  type Gpt,
  partitionTypeGuid,
  partitionTypeName,
} from '../../formats/gpt/index.ts'
import { encodeVeritySignature, type VeritySignature } from '../../formats/verity-signature.ts'
import type { OpenImage } from '../read/open-image.ts'
import type { SelectedPartitions } from '../read/select-partitions.ts'
import { signaturePartitionUuid } from './signature-uuid.ts'

/** Larger partitions are refused by systemd. */
const MAX_PARTITION = 4 * 1024 * 1024

/** What somebody who only wants to know is told. */
export interface SignaturePlace {
  /** The partition is there, is to be added in free space, or the file has to grow for it. */
  readonly kind: 'partition' | 'free-space' | 'growth'
  /** Bytes in the file. */
  readonly offset: number
  readonly size: number
  /** Size of the file afterwards. */
  readonly imageSize: number
}

/**
 * The place for a signature: the partition that is there if it has room for `needed` bytes.
 *
 * @throws ImageError where the image has no hash tree to sign.
 */
export function findSignaturePlace(
  { gpt, selection, file }: OpenImage,
  needed: number,
): SignaturePlace {
  const selected = selection?.selected
  if (!gpt || !selected?.hash) {
    const fact = gpt ? 'it has no hash tree' : 'it has no partition table'
    throw new ImageError('NOT_SIGNED', `${file.path} cannot be signed: ${fact}`)
  }
  const { signature } = selected
  if (signature && needed <= signature.size && signature.size <= MAX_PARTITION) {
    const { offset, size } = signature
    return { kind: 'partition', offset, size, imageSize: file.size }
  }
  const before = signature ?? selected.hash
  return findRoom(gpt, before.offset + before.size, file.size)
}

/** Behind the hash partition if that is free, else anywhere, else at the end. */
function findRoom(gpt: Gpt, preferred: number, fileSize: number): SignaturePlace {
  const { sectorSize } = gpt
  const size = SIGNATURE_PARTITION_SIZE
  const begin = alignUp(Number(gpt.firstUsableLba) * sectorSize, GRAIN)
  const end = (Number(gpt.lastUsableLba) + 1) * sectorSize
  const ends = gpt.partitions.map((partition) => partition.offset + partition.size)
  const isFree = (offset: number) =>
    offset >= begin &&
    offset + size <= end &&
    gpt.partitions.every(
      (other) => offset + size <= other.offset || offset >= other.offset + other.size,
    )
  const offset = [preferred, begin, ...ends].map((at) => alignUp(at, GRAIN)).find(isFree)
  if (offset !== undefined) return { kind: 'free-space', offset, size, imageSize: fileSize }

  const last = alignUp(Math.max(begin, ...ends), GRAIN)
  const table = Math.ceil((gpt.entryCount * 128) / sectorSize) * sectorSize + sectorSize
  // Never smaller than before, whatever a larger file had behind its partitions.
  const imageSize = Math.max(last + size + table, fileSize)
  return { kind: 'growth', offset: last, size, imageSize }
}

/**
 * Patches that put `signature` into its place, in an order in which readers find the old image until
 * the last of them, and then the new one.
 *
 * @param seed what the image derives from, where that is known
 * @throws ImageError where the seed is another one; FormatError where the message is too long.
 */
export async function patchSignature(
  image: OpenImage,
  place: SignaturePlace,
  signature: Omit<VeritySignature, 'extraFields'>,
  seed?: string,
): Promise<readonly Patch[]> {
  const bytes = encodeVeritySignature(signature, place.size)
  if (place.kind === 'partition') return [{ offset: place.offset, bytes }]
  const { gpt, selection, file } = image
  const selected = selection?.selected
  if (!gpt || !selected) throw new TypeError('a place in an image without a table')
  const edited = await editGpt(file, {
    gpt,
    index: selected.signature?.index ?? firstFreeIndex(gpt),
    imageSize: place.imageSize,
    partition: {
      ...(selected.signature ?? describePartition(selected, gpt, image.fileName, seed)),
      firstLba: place.offset / gpt.sectorSize,
      lastLba: (place.offset + place.size) / gpt.sectorSize - 1,
    },
  })
  const content =
    place.kind === 'growth'
      ? joinTail({ offset: place.offset, bytes }, edited.backup, image)
      : [{ offset: place.offset, bytes }, ...edited.backup]
  // What was too small holds the old signature until nothing refers to it any more.
  const { offset = 0, size = 0 } = selected.signature ?? {}
  const cleared = { offset, bytes: new Uint8Array(Math.min(size, MAX_PARTITION)) }
  return [...content, ...edited.primary, cleared]
}

/** Signature and new backup in one piece, with zeros where the old backup was. */
function joinTail(content: Patch, backup: readonly Patch[], image: OpenImage): Patch[] {
  const [tail] = backup
  const oldTable = Math.max(...(image.gpt?.areas ?? []).map(({ offset }) => offset))
  if (!tail) throw new TypeError('a table that grows without a backup')
  const end = content.offset + content.bytes.length
  const start = Math.min(content.offset, oldTable)
  return [
    {
      offset: start,
      bytes: concat(
        new Uint8Array(content.offset - start),
        content.bytes,
        new Uint8Array(tail.offset - end),
        tail.bytes,
      ),
    },
  ]
}

function describePartition(
  selected: SelectedPartitions,
  gpt: Gpt,
  fileName: string,
  seed: string | undefined,
) {
  const { designator, architecture } = selected
  const type = architecture && ({ designator, role: 'signature', architecture } as const)
  const typeGuid = type && partitionTypeGuid(type)
  if (!type || !typeGuid) throw new ImageError('NOT_SIGNED', 'it has no architecture of its own')
  const { diskGuid } = gpt
  const partitionGuid = signaturePartitionUuid({ ...type, diskGuid, fileName, seed })
  if (partitionGuid === undefined) {
    throw new ImageError('BAD_OPTION', `${fileName} was made with another seed than ${seed}`)
  }
  const name = partitionTypeName(type)
  return { typeGuid, partitionGuid, name, attributes: ATTRIBUTE_READ_ONLY }
}

function firstFreeIndex({ partitions, entryCount }: Gpt): number {
  const used = new Set(partitions.map(({ index }) => index))
  for (let index = 0; index < entryCount; index++) if (!used.has(index)) return index
  throw new ImageError('TOO_LARGE', `all ${entryCount} entries of the partition table are used`)
}
