/**
 * Changes one entry of a partition table that is sound, and nothing else in it that need not change.
 *
 * The file may grow: then the backup moves to its new end. The patches come in an order in which a
 * reader finds one consistent table after each of them, and also while one is being written: first the
 * backup, which nobody looks at while the primary is sound, then the primary.
 */

import { concat } from '../../bytes/concat.ts'
import type { Patch } from '../../bytes/patch.ts'
import type { Source } from '../../bytes/source.ts'
import { encode } from '../../bytes/struct.ts'
import { crc32 } from '../../crypto/crc32.ts'
import type { Gpt } from './decode.ts'
import type { GptPartitionInput } from './encode.ts'
import { GptHeader, PartitionEntry, ProtectiveMbr, protectiveMbr } from './layout.ts'
import { readTableCopy, type TableCopy } from './table-copy.ts'

export interface GptEdit {
  /** The table as it was read, without problems. */
  readonly gpt: Gpt
  /** Position in the entry array. */
  readonly index: number
  readonly partition: GptPartitionInput
  /** Size of the file afterwards, whole sectors; never smaller than before. */
  readonly imageSize: number
}

export interface EditedGpt {
  readonly backup: readonly Patch[]
  readonly primary: readonly Patch[]
}

/**
 * The patches of a change.
 *
 * @throws RangeError where the table has problems or no such entry.
 */
export async function editGpt(source: Source, edit: GptEdit): Promise<EditedGpt> {
  const { gpt, index, partition, imageSize } = edit
  const { sectorSize } = gpt
  if (gpt.problems.length > 0 || index >= gpt.entryCount || imageSize < source.size) {
    throw new RangeError(`cannot change entry ${index} of a table with problems`)
  }
  const primary = await readTableCopy(source, sectorSize, 'primary', 1)
  const last = imageSize / sectorSize - 1
  const array = Uint8Array.from(primary.entries!) // a table without problems has them
  const { firstLba, lastLba } = partition
  const entry = { ...partition, firstLba: BigInt(firstLba), lastLba: BigInt(lastLba) }
  array.set(encode(PartitionEntry, entry), index * PartitionEntry.size)

  const arraySectors = Math.ceil(array.length / sectorSize)
  const grows = imageSize > source.size
  const entriesCrc32 = crc32(array)
  const lastUsableLba = grows ? BigInt(last - arraySectors - 1) : primary.header.lastUsableLba
  const common = { entriesCrc32, lastUsableLba, headerCrc32: 0 }
  const head = sealHeader(primary, { ...primary.header, ...common, alternateLba: BigInt(last) })
  const rest = new Uint8Array(arraySectors * sectorSize)
  rest.set(array)
  if (grows) {
    const tail = sealHeader(primary, {
      ...primary.header,
      ...common,
      myLba: BigInt(last),
      alternateLba: 1n,
      partitionEntryLba: BigInt(last - arraySectors),
    })
    const offset = (last - arraySectors) * sectorSize
    return {
      backup: [{ offset, bytes: concat(rest, tail) }],
      primary: [...resizeMbr(last + 1, sectorSize), ...headPatches(primary, head, rest)],
    }
  }
  const backup = await readTableCopy(source, sectorSize, 'backup', last)
  const tail = sealHeader(backup, { ...backup.header, ...common })
  return {
    backup: [
      { offset: backup.entriesOffset, bytes: array },
      { offset: last * sectorSize, bytes: tail },
    ],
    primary: headPatches(primary, head, rest),
  }
}

/** Header and entries in one piece where they touch, so that a page of them is one write. */
function headPatches(primary: TableCopy, head: Uint8Array, array: Uint8Array): Patch[] {
  const offset = primary.sector.length
  if (primary.entriesOffset === 2 * offset) return [{ offset, bytes: concat(head, array) }]
  return [
    { offset: primary.entriesOffset, bytes: array },
    { offset, bytes: head },
  ]
}

function resizeMbr(sectors: number, sectorSize: number): Patch[] {
  const bytes = new Uint8Array(sectorSize)
  bytes.set(encode(ProtectiveMbr, protectiveMbr(sectors)))
  return [{ offset: 0, bytes }]
}

/** The sector of a header with its checksum, over as many bytes as the header says it has. */
function sealHeader({ sector }: TableCopy, header: GptHeader): Uint8Array {
  const bytes = Uint8Array.from(sector)
  bytes.set(encode(GptHeader, header))
  const sealed = { ...header, headerCrc32: crc32(bytes.subarray(0, header.headerSize)) }
  bytes.set(encode(GptHeader, sealed))
  return bytes
}
