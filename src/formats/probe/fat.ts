/** What makes a first sector one of FAT: its magic may be as short as a jump. */

import { equalBytes } from '../../bytes/equal.ts'
import { viewOf } from '../../bytes/struct.ts'
import { type Judgement, latin1, type Magic } from './content-type.ts'
import type { Region } from './region.ts'

const MOST_CLUSTERS = { fat12: 0xff4, fat16: 0xfff4, fat32: 0x0ffffff6 }

export async function checkFat(
  region: Region,
  _offset: number,
  { bytes }: Magic,
): Promise<Judgement> {
  const sector = await region.bytes(0, 512)
  if (!sector) return false
  const view = viewOf(sector)
  if (bytes.length <= 2) {
    if (view.getUint16(0x1fe, true) !== 0xaa55) return false
    const named = sector.subarray(0x36, 0x3e)
    if (['JFS     ', 'HPFS    '].some((name) => equalBytes(named, latin1(name)))) return false
  }
  const tables = sector[0x10]!
  const reserved = view.getUint16(0x0e, true)
  const media = sector[0x15]!
  const clusterSize = sector[0x0d]!
  const sectorSize = view.getUint16(0x0b, true)
  if (tables === 0 || reserved === 0 || (media < 0xf8 && media !== 0xf0)) return false
  if (!isPowerOfTwo(clusterSize) || !isPowerOfTwo(sectorSize)) return false
  if (sectorSize < 512 || sectorSize > 4096) return false
  const isFat32 = view.getUint16(0x16, true) === 0 && view.getUint32(0x24, true) !== 0
  const sectors = view.getUint16(0x13, true) || view.getUint32(0x20, true)
  const tableSize = (view.getUint16(0x16, true) || view.getUint32(0x24, true)) * tables
  const rootSize = Math.floor((view.getUint16(0x11, true) * 32 + sectorSize - 1) / sectorSize)
  const clusters = Math.floor(((sectors - (reserved + tableSize + rootSize)) >>> 0) / clusterSize)
  const { fat12, fat16, fat32 } = MOST_CLUSTERS
  if (clusters > (isFat32 ? fat32 : clusters > fat12 ? fat16 : fat12)) return false
  // FAT32 has one more sector that is looked at, BitLocker may claim the same start.
  return isFat32 || sector[0] === 0xeb ? 'perhaps' : true
}

function isPowerOfTwo(value: number): boolean {
  return value !== 0 && (value & (value - 1)) === 0
}
