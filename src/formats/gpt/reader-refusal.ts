/**
 * What makes readers refuse a whole table, whatever is in it.
 *
 * libblkid asks for a protective record before it looks at a header, and for older kinds of tables
 * before that. An entry that ends before it starts makes systemd refuse the image. See util-linux
 * libblkid/src/partitions and systemd src/shared/dissect-image.c.
 */

import { decode, viewOf } from '../../bytes/struct.ts'
import { type GptHeader, type MbrRecord, PartitionEntry, ProtectiveMbr } from './layout.ts'
import { isHeader } from './probe.ts'
import type { TableCopy } from './table-copy.ts'

const PROTECTIVE = 0xee
const AIX_MAGIC = 0xc9c2d4c1
const SGI_MAGIC = 0x0be5a941
const SUN_MAGIC = 0xdabe
const SIGNATURE = 0xaa55

const USUAL_SECTOR = 512

/**
 * The reason, or undefined where readers take the table.
 *
 * @param sector the first one
 * @param table the copy that is taken
 */
export function findRefusal(
  sector: Uint8Array,
  table: TableCopy,
  primary: TableCopy,
): string | undefined {
  const older = findOlderTable(sector.subarray(0, ProtectiveMbr.size))
  if (older) return `libblkid takes it for a table of ${older}`
  if (!hasProtectiveRecord(sector)) return 'no protective record in the first sector'
  // Only the primary header tells systemd of other sectors.
  const size = primary.sector.length
  if (size !== USUAL_SECTOR && !isHeader(primary.sector, 1)) {
    return `no primary header that shows sectors of ${size} bytes`
  }
  if (!table.sound) return 'neither copy of the partition table is sound'
  const backwards = findBackwards(table)
  return backwards === undefined ? undefined : `entry ${backwards} ends before it starts`
}

function hasProtectiveRecord(sector: Uint8Array): boolean {
  const { signature, ...mbr } = decode(ProtectiveMbr, sector)
  const records: readonly MbrRecord[] = [mbr.record0, mbr.record1, mbr.record2, mbr.record3]
  return signature === SIGNATURE && records.some(({ osType }) => osType === PROTECTIVE)
}

/** Of those that libblkid looks for first. */
function findOlderTable(sector: Uint8Array): string | undefined {
  const view = viewOf(sector)
  if (view.getUint32(0) === AIX_MAGIC) return 'AIX'
  let sum = 0
  for (let at = 0; at < sector.length; at += 4) sum = (sum + view.getUint32(at)) >>> 0
  if (view.getUint32(0) === SGI_MAGIC && sum === 0) return 'SGI'
  let parity = 0
  for (let at = 0; at < sector.length; at += 2) parity ^= view.getUint16(at)
  return view.getUint16(508) === SUN_MAGIC && parity === 0 ? 'Sun' : undefined
}

/** Entries that start or end outside of the usable sectors are ignored first. */
function findBackwards({ header, entries }: TableCopy): number | undefined {
  const { firstUsableLba, lastUsableLba }: GptHeader = header
  for (let index = 0; entries && index < entries.length / PartitionEntry.size; index++) {
    const offset = index * PartitionEntry.size
    if (entries.subarray(offset, offset + 16).every((byte) => byte === 0)) continue
    const { firstLba, lastLba } = decode(PartitionEntry, entries, offset)
    if (firstLba > lastLba && firstLba >= firstUsableLba && lastLba <= lastUsableLba) return index
  }
  return undefined
}
