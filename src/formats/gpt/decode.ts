/**
 * Reads a GUID partition table and names everything in it that is not as it must be.
 *
 * Readers accept a table with one broken copy. An examiner must not: both copies, the protective
 * MBR and all bytes that have to be zero are compared with what the table's own content demands.
 */

import { equalBytes } from '../../bytes/equal.ts'
import type { Source } from '../../bytes/source.ts'
import { decode } from '../../bytes/struct.ts'
import { crc32 } from '../../crypto/crc32.ts'
import { FormatError } from '../../errors.ts'
import { gptGeometry } from './geometry.ts'
import {
  GptHeader,
  HEADER_SIGNATURE,
  MbrRecord,
  PartitionEntry,
  ProtectiveMbr,
  protectiveMbr,
  REVISION,
  type SectorSize,
} from './layout.ts'
import { canonicalEntries, checkRanges, type GptPartition, readPartitions } from './partitions.ts'
import { probeSectorSize } from './probe.ts'
import { compareStruct, compareZeros, type GptProblem } from './problems.ts'
import { findRefusal } from './reader-refusal.ts'
import { hasPlausibleSize, isInUsableSectors, readTableCopy, type TableCopy } from './table-copy.ts'

/** A partition table as read. */
export interface Gpt {
  readonly sectorSize: SectorSize
  readonly diskGuid: string
  /** The copy whose content is reported: the backup only where the primary is broken. */
  readonly copy: 'primary' | 'backup'
  /** Why readers see no table at all, or refuse it; undefined where they take that copy. */
  readonly refusal: string | undefined
  readonly firstUsableLba: bigint
  readonly lastUsableLba: bigint
  /** Number of entries in the array, used or not. */
  readonly entryCount: number
  /** Byte ranges of protective MBR, headers and entry arrays. */
  readonly areas: readonly { readonly offset: number; readonly size: number }[]
  /** Used entries that lie inside the file, in the order of the array. */
  readonly partitions: readonly GptPartition[]
  /** Everything that is not as it must be; empty for a sound table. */
  readonly problems: readonly GptProblem[]
}

/**
 * Reads both copies of the table of `source`.
 *
 * @throws FormatError where neither copy can be read at all.
 */
export async function decodeGpt(source: Source): Promise<Gpt> {
  const sectorSize = await probeSectorSize(source)
  const last = Math.floor(source.size / sectorSize) - 1
  const primary = await readTableCopy(source, sectorSize, 'primary', 1)
  const backup = await readTableCopy(source, sectorSize, 'backup', last)
  const table = chooseCopy(primary, backup)
  const entries = table.entries!
  const { partitions, problems } = readPartitions(
    table.header,
    entries,
    table.entriesOffset,
    sectorSize,
    source.size,
  )
  const canonical = canonicalEntries(entries)
  const structure = `${table.kind} entries` as const
  return {
    sectorSize,
    diskGuid: table.header.diskGuid,
    copy: table.kind,
    refusal: findRefusal(await source.read(0, sectorSize), table, primary),
    firstUsableLba: table.header.firstUsableLba,
    lastUsableLba: table.header.lastUsableLba,
    entryCount: table.header.numberOfEntries,
    areas: [{ offset: 0, size: sectorSize }, ...areasOf(primary), ...areasOf(backup)],
    partitions,
    problems: [
      ...checkFileSize(source.size, sectorSize),
      ...checkProtectiveMbr(await source.read(0, sectorSize), last + 1),
      ...checkHeader(primary, table, backup.lba, source.size, sectorSize),
      ...checkHeader(backup, table, primary.lba, source.size, sectorSize),
      ...checkEntries(primary, canonical),
      ...checkEntries(backup, canonical),
      ...[...problems, ...checkRanges(partitions, table.entriesOffset)].map((problem) => ({
        structure,
        ...problem,
      })),
    ],
  }
}

/** The copy libblkid would take, else any that has entries to show. */
function chooseCopy(primary: TableCopy, backup: TableCopy): TableCopy {
  const copies = [primary, backup]
  const copy = copies.find(({ sound }) => sound) ?? copies.find(({ entries }) => entries)
  if (copy) return copy
  throw new FormatError('gpt', 'BAD_VALUE', 'neither header leads to an entry array', {
    offset: primary.lba * primary.sector.length,
  })
}

function areasOf({ lba, sector, entries, entriesOffset }: TableCopy): Gpt['areas'] {
  const header = { offset: lba * sector.length, size: sector.length }
  return entries ? [header, { offset: entriesOffset, size: entries.length }] : [header]
}

function checkFileSize(size: number, sectorSize: number): GptProblem[] {
  const surplus = size % sectorSize
  if (surplus === 0) return []
  const expected = `whole sectors of ${sectorSize} bytes`
  const found = `${surplus} bytes after the last one`
  return [{ structure: 'file', field: 'size', expected, found, offset: size - surplus }]
}

function checkProtectiveMbr(sector: Uint8Array, sectors: number): GptProblem[] {
  const structure = 'protective MBR'
  const { record0, record1, record2, record3, ...expected } = protectiveMbr(sectors)
  const found = decode(ProtectiveMbr, sector)
  const records = [record0, record1, record2, record3].flatMap((record, index) => {
    const offset = ProtectiveMbr.offsets.record0 + index * MbrRecord.size
    const bytes = sector.subarray(offset, offset + MbrRecord.size)
    return compareStruct(MbrRecord, bytes, record, { structure, offset, prefix: `record ${index}` })
  })
  return [
    ...compareStruct(ProtectiveMbr, sector, { ...found, ...expected }, { structure, offset: 0 }),
    ...records,
    ...compareZeros(sector.subarray(ProtectiveMbr.size), 'rest of the sector', {
      structure,
      offset: ProtectiveMbr.size,
    }),
  ]
}

/** Compares one header with the one that `table` and its own array demand. */
function checkHeader(
  copy: TableCopy,
  table: TableCopy,
  otherLba: number,
  fileSize: number,
  sectorSize: SectorSize,
): GptProblem[] {
  const { header, sector } = copy
  const geometry = gptGeometry(fileSize, sectorSize)
  const place = { structure: `${copy.kind} header`, offset: copy.lba * sectorSize } as const
  const headerSize = hasPlausibleSize(table.header, sectorSize)
    ? table.header.headerSize
    : GptHeader.size
  const expected: GptHeader = {
    signature: HEADER_SIGNATURE,
    revision: REVISION,
    headerSize,
    headerCrc32: copy.headerCrc32,
    reserved: 0,
    myLba: BigInt(copy.lba),
    alternateLba: BigInt(otherLba),
    firstUsableLba: table.header.firstUsableLba,
    lastUsableLba: table.header.lastUsableLba,
    diskGuid: table.header.diskGuid,
    partitionEntryLba: hasArrayOutside(copy, table, geometry.sectors)
      ? header.partitionEntryLba
      : BigInt(copy.kind === 'primary' ? 2 : geometry.backupArrayLba),
    numberOfEntries: table.header.numberOfEntries,
    sizeOfEntry: PartitionEntry.size,
    entriesCrc32: copy.entries ? crc32(copy.entries) : table.header.entriesCrc32,
  }
  const problems = compareStruct(GptHeader, sector, expected, place)
  const { firstUsableLba: first, lastUsableLba: end } = header
  if (first > end || end >= BigInt(copy.kind === 'backup' ? copy.lba : otherLba)) {
    problems.push({
      ...place,
      field: 'lastUsableLba',
      expected: `${first} to ${geometry.lastUsableLba}`,
      found: String(end),
      offset: place.offset + GptHeader.offsets.lastUsableLba,
    })
  }
  if (copy.kind === 'primary' && isInUsableSectors(header)) {
    problems.push({
      ...place,
      field: 'firstUsableLba',
      expected: `behind sector ${copy.lba}, where the header is`,
      found: String(first),
      offset: place.offset + GptHeader.offsets.firstUsableLba,
    })
  }
  const rest = { ...place, offset: place.offset + headerSize }
  return [...problems, ...compareZeros(sector.subarray(headerSize), 'rest of the sector', rest)]
}

/** Whether the array lies between its header and the usable sectors, wherever exactly. */
function hasArrayOutside(copy: TableCopy, table: TableCopy, sectors: number): boolean {
  const { entries, header, sector } = copy
  if (!entries) return false
  const first = header.partitionEntryLba
  const end = first + BigInt(Math.ceil(entries.length / sector.length))
  return copy.kind === 'primary'
    ? first >= 2n && end <= table.header.firstUsableLba
    : first > table.header.lastUsableLba && end <= BigInt(sectors - 1)
}

/** Compares an entry array with what that of the reported table says. */
function checkEntries(copy: TableCopy, canonical: Uint8Array): GptProblem[] {
  if (!copy.entries) return []
  const problems: GptProblem[] = []
  const end = Math.min(copy.entries.length, canonical.length)
  for (let start = 0; start < end; start += PartitionEntry.size) {
    const found = copy.entries.subarray(start, start + PartitionEntry.size)
    const expected = canonical.subarray(start, start + PartitionEntry.size)
    if (equalBytes(found, expected)) continue
    problems.push(
      ...compareStruct(PartitionEntry, found, decode(PartitionEntry, expected), {
        structure: `${copy.kind} entries`,
        offset: copy.entriesOffset + start,
        prefix: `entry ${start / PartitionEntry.size}`,
      }),
    )
  }
  return problems
}
