/**
 * Where the partitions of an extension image lie, and how large the file is, as systemd-repart
 * 261.2 and later decide with `--size=auto`.
 *
 * The file is made a little larger than its contents need. Files over 4 MiB spend the difference
 * on the free mebibyte in front; in smaller ones it is shared out to the partitions, which are then
 * larger than their contents.
 *
 * See systemd src/repart/repart.c. Part of the format: changing it changes every image.
 */

import { alignDown, alignUp } from '../../bytes/align.ts'
import { gptGeometry, type SectorSize } from '../gpt/index.ts'

/** Unit of all offsets and sizes. */
export const GRAIN = 4096
/** Size of a signature partition in bytes. */
export const SIGNATURE_PARTITION_SIZE = 16384

const MEBIBYTE = 1024 * 1024
/** Kept free for the backup table, besides one sector for its header. */
const BACKUP_ARRAY_SIZE = 16384
const WEIGHT = 1000

/** A range in the file, in bytes and in sectors. */
export interface Region {
  readonly offset: number
  readonly size: number
  readonly firstLba: number
  /** Inclusive. */
  readonly lastLba: number
}

/** What a partition needs, and the most it may be given. Bytes. */
export interface RegionRequest {
  readonly size: number
  readonly maximum?: number
}

export interface PlacementInput {
  readonly sectorSize: SectorSize
  /** Sizes of the contents in bytes. */
  readonly filesystemSize: number
  readonly hashSize: number
}

export interface DdiPlacement {
  /** Size of the whole file in bytes. */
  readonly imageSize: number
  readonly root: Region
  readonly verity: Region
  /** Kept free in an unsigned image too, so that a signature can be attached later. */
  readonly signature: Region
}

/** Places file system, hash tree and signature. */
export function placePartitions(input: PlacementInput): DdiPlacement {
  const { imageSize, regions } = placeRegions(input.sectorSize, [
    { size: input.filesystemSize },
    { size: input.hashSize },
    { size: SIGNATURE_PARTITION_SIZE, maximum: SIGNATURE_PARTITION_SIZE },
  ])
  const [root, verity, signature] = regions
  return { imageSize, root: root!, verity: verity!, signature: signature! }
}

/** Places any number of partitions one after the other, in the order given. */
export function placeRegions(
  sectorSize: SectorSize,
  requests: readonly RegionRequest[],
): { readonly imageSize: number; readonly regions: readonly Region[] } {
  const minimums = requests.map(({ size }) => Math.max(alignUp(size, GRAIN), GRAIN))
  const sum = minimums.reduce((total, minimum) => total + minimum, 0)
  const imageSize = MEBIBYTE + BACKUP_ARRAY_SIZE + sectorSize + sum
  const geometry = gptGeometry(imageSize, sectorSize)
  const start = alignUp(geometry.firstUsableLba * sectorSize, GRAIN)
  const end = alignDown((geometry.lastUsableLba + 1) * sectorSize, GRAIN)
  const sizes = shareOut(
    end - start,
    requests.map(({ maximum }, index) => ({
      minimum: minimums[index]!,
      maximum: maximum ?? Number.POSITIVE_INFINITY,
    })),
  )
  let offset = start
  const regions = sizes.map((size): Region => {
    const firstLba = offset / sectorSize
    const region = { offset, size, firstLba, lastLba: firstLba + size / sectorSize - 1 }
    offset += size
    return region
  })
  return { imageSize, regions }
}

/** Gives `span` bytes to partitions of equal weight, within the limits of each. */
function shareOut(
  span: number,
  limits: readonly { readonly minimum: number; readonly maximum: number }[],
): number[] {
  const sizes = new Map<number, number>()
  let left = span
  let weights = limits.length * WEIGHT
  const share = () => Math.floor((left * WEIGHT) / weights)
  const give = (index: number, size: number) => {
    sizes.set(index, size)
    left -= Math.min(alignUp(size, GRAIN), left)
    weights -= WEIGHT
  }
  /** Settles those that `wanted` gives a size; who is settled changes the share of the others. */
  const pass = (wanted: (limit: (typeof limits)[number]) => number | undefined): boolean => {
    const before = sizes.size
    for (const [index, limit] of limits.entries()) {
      const size = sizes.has(index) ? undefined : wanted(limit)
      if (size !== undefined) give(index, size)
    }
    return sizes.size > before
  }

  while (pass(({ minimum }) => (minimum > share() ? minimum : undefined)));
  while (pass(({ maximum }) => (maximum < share() ? maximum : undefined)));
  pass(({ minimum, maximum }) => Math.max(minimum, Math.min(alignDown(share(), GRAIN), maximum)))
  for (const [index, { maximum }] of limits.entries()) {
    const size = sizes.get(index)!
    const growth = Math.min(left, Math.max(0, maximum - size))
    sizes.set(index, size + growth)
    left -= growth
  }
  return limits.map((_, index) => sizes.get(index)!)
}
