/** The used entries of a partition table, and whether they can all be where they say. */

import { decode, encode } from '../../bytes/struct.ts'
import { type GptHeader, PartitionEntry } from './layout.ts'
import type { GptProblem } from './problems.ts'

/** A used entry. */
export interface GptPartition {
  /** Position in the entry array, from 0. */
  readonly index: number
  readonly typeGuid: string
  readonly partitionGuid: string
  readonly firstLba: number
  /** Inclusive. */
  readonly lastLba: number
  readonly attributes: bigint
  readonly name: string
  /** Byte offset and size in the file. */
  readonly offset: number
  readonly size: number
}

type EntryProblem = Omit<GptProblem, 'structure'>

/**
 * The used entries of an array.
 *
 * Those outside the usable sectors are problems, as readers ignore them; those outside the file
 * are left out as well.
 *
 * @param arrayOffset where the array begins, bytes in the file
 */
export function readPartitions(
  header: GptHeader,
  entries: Uint8Array,
  arrayOffset: number,
  sectorSize: number,
  fileSize: number,
): { readonly partitions: readonly GptPartition[]; readonly problems: readonly EntryProblem[] } {
  const partitions: GptPartition[] = []
  const problems: EntryProblem[] = []
  const sectors = BigInt(Math.floor(fileSize / sectorSize))
  for (let index = 0; index < entries.length / PartitionEntry.size; index++) {
    if (!isUsed(entries, index)) continue
    const entry = decode(PartitionEntry, entries, index * PartitionEntry.size)
    const { firstLba, lastLba } = entry
    const inOrder = firstLba <= lastLba
    if (!inOrder || firstLba < header.firstUsableLba || lastLba > header.lastUsableLba) {
      problems.push({
        field: `entry ${index} range`,
        expected: `sectors in ${header.firstUsableLba} to ${header.lastUsableLba}`,
        found: `${firstLba} to ${lastLba}`,
        offset: arrayOffset + index * PartitionEntry.size + PartitionEntry.offsets.firstLba,
      })
    }
    if (!inOrder || lastLba >= sectors) continue
    const first = Number(firstLba)
    const last = Number(lastLba)
    partitions.push({
      index,
      typeGuid: entry.typeGuid,
      partitionGuid: entry.partitionGuid,
      firstLba: first,
      lastLba: last,
      attributes: entry.attributes,
      name: entry.name,
      offset: first * sectorSize,
      size: (last - first + 1) * sectorSize,
    })
  }
  return { partitions, problems }
}

/** The array as its used entries demand it: the others empty, and nothing behind a name. */
export function canonicalEntries(entries: Uint8Array): Uint8Array {
  const canonical = new Uint8Array(entries.length)
  for (let index = 0; index < entries.length / PartitionEntry.size; index++) {
    if (!isUsed(entries, index)) continue
    const offset = index * PartitionEntry.size
    canonical.set(encode(PartitionEntry, decode(PartitionEntry, entries, offset)), offset)
  }
  return canonical
}

/** Whether the type GUID of an entry is not zero. */
function isUsed(entries: Uint8Array, index: number): boolean {
  const offset = index * PartitionEntry.size
  return entries.subarray(offset, offset + 16).some((byte) => byte !== 0)
}

/** Partitions that share a sector or a GUID with another one. */
export function checkRanges(
  partitions: readonly GptPartition[],
  arrayOffset: number,
): EntryProblem[] {
  const problems: EntryProblem[] = []
  const offsetOf = (partition: GptPartition) => arrayOffset + partition.index * PartitionEntry.size
  const sorted = [...partitions].sort((a, b) => a.firstLba - b.firstLba || a.index - b.index)
  let previous: GptPartition | undefined
  for (const partition of sorted) {
    if (previous && partition.firstLba <= previous.lastLba) {
      problems.push({
        field: `entry ${partition.index} firstLba`,
        expected: `after sector ${previous.lastLba}, where entry ${previous.index} ends`,
        found: String(partition.firstLba),
        offset: offsetOf(partition) + PartitionEntry.offsets.firstLba,
      })
    }
    if (!previous || partition.lastLba > previous.lastLba) previous = partition
  }
  const owners = new Map<string, number>()
  for (const partition of partitions) {
    const owner = owners.get(partition.partitionGuid)
    if (owner === undefined) owners.set(partition.partitionGuid, partition.index)
    else {
      problems.push({
        field: `entry ${partition.index} partitionGuid`,
        expected: `another one than that of entry ${owner}`,
        found: partition.partitionGuid,
        offset: offsetOf(partition) + PartitionEntry.offsets.partitionGuid,
      })
    }
  }
  return problems
}
