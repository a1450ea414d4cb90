/**
 * Minix: two bytes of magic, where EROFS has the number of its inodes.
 *
 * libblkid 2.41 takes an EROFS with one of a few numbers of inodes for Minix as well, and then for
 * neither; 2.42 looks for the magic of EROFS first.
 */

import type { Judgement } from './content-type.ts'
import type { Region } from './region.ts'

const VERSION_1 = [0x137f, 0x138f]
const VERSION_2 = [0x2468, 0x2478]
const VERSION_3 = 0x4d5a
const BITS_OF_BLOCK = 1024 * 8
const EXT_MAGIC = 0xef53

export async function checkMinix(region: Region): Promise<Judgement> {
  const view = await region.view(1024, 64)
  if (!view || view.getUint16(0x38, true) === EXT_MAGIC) return false
  const little = [true, false].find((order) => versionOf(view, order) !== undefined)
  if (little === undefined) return false
  const version = versionOf(view, little)!
  const u16 = (offset: number) => view.getUint16(offset, little)
  const u32 = (offset: number) => view.getUint32(offset, little)
  if (version < 3 && u16(18) > 3) return false
  const [zones, inodes, inodeMaps, zoneMaps, first, zoneSize] =
    version === 3
      ? [u32(20), u32(0), u16(6), u16(8), u16(10), view.getUint16(12, true)]
      : [version === 2 ? u32(20) : u16(2), u16(0), u16(4), u16(6), u16(8), view.getUint16(10, true)]
  if (zoneSize !== 0 || inodes === 0 || inodes === 0xffffffff) return false
  if (inodeMaps * BITS_OF_BLOCK < inodes + 1 || first > zones) return false
  return zoneMaps * BITS_OF_BLOCK >= zones - first + 1
}

function versionOf(view: DataView, little: boolean): number | undefined {
  const magic = view.getUint16(16, little)
  if (VERSION_1.includes(magic)) return 1
  if (VERSION_2.includes(magic)) return 2
  return view.getUint16(24, little) === VERSION_3 ? 3 : undefined
}
