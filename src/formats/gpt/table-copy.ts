/**
 * One of the two copies of a partition table: its header and entry array, read without trust, and
 * what firmware, libblkid and systemd think of it.
 */

import { equalBytes } from '../../bytes/equal.ts'
import { readRange, type Source } from '../../bytes/source.ts'
import { decode } from '../../bytes/struct.ts'
import { crc32 } from '../../crypto/crc32.ts'
import { GptHeader, HEADER_SIGNATURE, PartitionEntry, type SectorSize } from './layout.ts'

/** Most entries systemd reads; the array then has 128 KiB. */
const MAX_ENTRIES = 1024

/** A header, and the entry array where it can be read. */
export interface TableCopy {
  readonly kind: 'primary' | 'backup'
  readonly lba: number
  /** The whole sector that holds the header. */
  readonly sector: Uint8Array
  readonly header: GptHeader
  readonly headerCrc32: number
  /** Undefined where the header does not lead to an array that can be read. */
  readonly entries: Uint8Array | undefined
  /** Byte offset of the entry array, where there is one. */
  readonly entriesOffset: number
  /** Whether a reader would take it: signature, position, ranges and both checksums. */
  readonly sound: boolean
}

/** Reads the copy whose header is in sector `lba`, which must be inside the source. */
export async function readTableCopy(
  source: Source,
  sectorSize: SectorSize,
  kind: TableCopy['kind'],
  lba: number,
): Promise<TableCopy> {
  const sectors = Math.floor(source.size / sectorSize)
  const sector = await readRange(source, lba * sectorSize, sectorSize, 'gpt', `${kind} header`)
  const header = decode(GptHeader, sector)
  const headerCrc32 = headerChecksum(sector, hasPlausibleSize(header, sectorSize))
  const entriesOffset = offsetOfEntries(header, sectorSize)
  const entries = await readEntries(source, header, entriesOffset)
  const sound =
    entries !== undefined &&
    equalBytes(header.signature, HEADER_SIGNATURE) &&
    hasPlausibleSize(header, sectorSize) &&
    header.headerCrc32 === headerCrc32 &&
    header.myLba === BigInt(lba) &&
    header.firstUsableLba <= header.lastUsableLba &&
    header.lastUsableLba < BigInt(sectors) &&
    !isInUsableSectors(header) &&
    header.entriesCrc32 === crc32(entries)
  return { kind, lba, sector, header, headerCrc32, entries, entriesOffset, sound }
}

/** Whether libblkid refuses a header because the partitions may lie over it; the ends do not count. */
export function isInUsableSectors({ myLba, firstUsableLba, lastUsableLba }: GptHeader): boolean {
  return firstUsableLba < myLba && myLba < lastUsableLba
}

/** libblkid multiplies in 64 bits, so a sector that is far too large may lead into the file again. */
function offsetOfEntries({ partitionEntryLba }: GptHeader, sectorSize: SectorSize): number {
  return Number(BigInt.asUintN(64, partitionEntryLba * BigInt(sectorSize)))
}

async function readEntries(
  source: Source,
  header: GptHeader,
  offset: number,
): Promise<Uint8Array | undefined> {
  const { numberOfEntries, sizeOfEntry } = header
  const size = numberOfEntries * sizeOfEntry
  if (!equalBytes(header.signature, HEADER_SIGNATURE)) return undefined
  if (sizeOfEntry !== PartitionEntry.size) return undefined
  if (numberOfEntries < 1 || numberOfEntries > MAX_ENTRIES) return undefined
  if (offset + size > source.size) return undefined
  return source.read(offset, size)
}

/** Whether the header's own size is one the checksum can be computed over. */
export function hasPlausibleSize(header: GptHeader, sectorSize: number): boolean {
  return header.headerSize >= GptHeader.size && header.headerSize <= sectorSize
}

function headerChecksum(sector: Uint8Array, plausible: boolean): number {
  const size = plausible ? decode(GptHeader, sector).headerSize : GptHeader.size
  // A copy, also where the bytes are a Buffer, whose `slice` is none.
  const covered = Uint8Array.from(sector.subarray(0, size))
  covered.fill(0, GptHeader.offsets.headerCrc32, GptHeader.offsets.reserved)
  return crc32(covered)
}
