/** Writes both copies of a GUID partition table, byte for byte as libfdisk does. */

import { concat } from '../../bytes/concat.ts'
import { encode } from '../../bytes/struct.ts'
import { crc32 } from '../../crypto/crc32.ts'
import { type GptGeometry, gptGeometry } from './geometry.ts'
import {
  ENTRY_COUNT,
  GptHeader,
  HEADER_SIGNATURE,
  PartitionEntry,
  ProtectiveMbr,
  protectiveMbr,
  REVISION,
  type SectorSize,
} from './layout.ts'

/** A partition to be written. */
export interface GptPartitionInput {
  readonly typeGuid: string
  readonly partitionGuid: string
  readonly firstLba: number
  /** Inclusive. */
  readonly lastLba: number
  readonly attributes: bigint
  /** At most 36 UTF-16 units. */
  readonly name: string
}

export interface GptInput {
  readonly sectorSize: SectorSize
  /** Size of the whole file in bytes. */
  readonly imageSize: number
  readonly diskGuid: string
  /** In the order of the entry array, from its first entry on. */
  readonly partitions: readonly GptPartitionInput[]
}

/** The two pieces of a table, whole sectors each. */
export interface EncodedGpt {
  /** From offset 0: protective MBR, header, entry array. */
  readonly head: Uint8Array
  /** From `tailOffset` to the last sector: entry array, backup header. */
  readonly tail: Uint8Array
  readonly tailOffset: number
}

/**
 * The bytes of a partition table.
 *
 * @throws RangeError where a partition lies outside the usable sectors, overlaps another one, or
 *   there are more than 128 of them.
 */
export function encodeGpt(input: GptInput): EncodedGpt {
  const { sectorSize, imageSize, diskGuid, partitions } = input
  const geometry = gptGeometry(imageSize, sectorSize)
  assertPlacement(partitions, geometry)

  const array = new Uint8Array(geometry.arraySectors * sectorSize)
  for (const [index, partition] of partitions.entries()) {
    const entry = {
      ...partition,
      firstLba: BigInt(partition.firstLba),
      lastLba: BigInt(partition.lastLba),
    }
    array.set(encode(PartitionEntry, entry), index * PartitionEntry.size)
  }
  const common = {
    signature: HEADER_SIGNATURE,
    revision: REVISION,
    headerSize: GptHeader.size,
    headerCrc32: 0,
    reserved: 0,
    firstUsableLba: BigInt(geometry.firstUsableLba),
    lastUsableLba: BigInt(geometry.lastUsableLba),
    diskGuid,
    numberOfEntries: ENTRY_COUNT,
    sizeOfEntry: PartitionEntry.size,
    entriesCrc32: crc32(array),
  }
  const primary: GptHeader = {
    ...common,
    myLba: 1n,
    alternateLba: BigInt(geometry.backupHeaderLba),
    partitionEntryLba: 2n,
  }
  const backup: GptHeader = {
    ...common,
    myLba: BigInt(geometry.backupHeaderLba),
    alternateLba: 1n,
    partitionEntryLba: BigInt(geometry.backupArrayLba),
  }
  return {
    head: concat(
      sector(encode(ProtectiveMbr, protectiveMbr(geometry.sectors)), sectorSize),
      sector(sealHeader(primary), sectorSize),
      array,
    ),
    tail: concat(array, sector(sealHeader(backup), sectorSize)),
    tailOffset: geometry.backupArrayLba * sectorSize,
  }
}

/** The bytes of `header` with its own checksum filled in. */
function sealHeader(header: GptHeader): Uint8Array {
  const bytes = encode(GptHeader, header)
  return encode(GptHeader, { ...header, headerCrc32: crc32(bytes) })
}

function sector(bytes: Uint8Array, sectorSize: number): Uint8Array {
  const padded = new Uint8Array(sectorSize)
  padded.set(bytes)
  return padded
}

function assertPlacement(partitions: readonly GptPartitionInput[], geometry: GptGeometry): void {
  if (partitions.length > ENTRY_COUNT) {
    throw new RangeError(`${partitions.length} partitions in a table of ${ENTRY_COUNT}`)
  }
  const sorted = [...partitions].sort((a, b) => a.firstLba - b.firstLba)
  let free = geometry.firstUsableLba
  for (const { name, firstLba, lastLba } of sorted) {
    if (firstLba < free || lastLba < firstLba || lastLba > geometry.lastUsableLba) {
      throw new RangeError(
        `partition ${name} in sectors ${firstLba} to ${lastLba}, free are ${free} to ${geometry.lastUsableLba}`,
      )
    }
    free = lastLba + 1
  }
}
