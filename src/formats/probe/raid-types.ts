/**
 * Members of disk arrays and volume groups. The first one that is found ends the search.
 *
 * See util-linux libblkid/src/superblocks. Firmware arrays end a whole disk, never a partition.
 */

import { equalBytes } from '../../bytes/equal.ts'
import { viewOf } from '../../bytes/struct.ts'
import { crc32Register } from '../../crypto/crc32.ts'
import { crc32cRegister } from '../../crypto/crc32c.ts'
import {
  byMagic,
  type ContentType,
  type Judgement,
  latin1,
  type Magic,
  type Match,
  magic,
  toMatch,
} from './content-type.ts'
import type { Region } from './region.ts'

const KIBIBYTE = 1024
const SECTOR = 512

/** Arrays, in the order in which libblkid looks for them. */
export const ARRAY_TYPES: readonly ContentType[] = [
  { name: 'linux_raid_member', usage: 'raid', find: findLinuxRaid },
  {
    name: 'ddf_raid_member',
    usage: 'raid',
    minimumSize: 0x30000,
    find: (region) =>
      byMagic(
        [fromEnd(1, '\xde\x11\xde\x11'), fromEnd(257, '\xde\x11\xde\x11')],
        perhaps,
      )(inSectors(region)),
  },
  // Counted in sectors of the device, which is not known here.
  firmware(
    'isw_raid_member',
    [2, 16].map((sectors) => fromEnd(sectors, 'Intel Raid ISM Cfg Sig. ')),
    async () => 'perhaps',
  ),
  firmware('lsi_mega_raid_member', [fromEnd(1, '$XIDE$')]),
  firmware('via_raid_member', [fromEnd(1, '\x55\xaa')], checkVia),
  firmware('silicon_medley_raid_member', [within(1, 0x60, '\x00\x00\x00\x2f')], checkSilicon),
  firmware('nvidia_raid_member', [fromEnd(2, 'NVIDIA  ')], checkNvidia),
  firmware(
    'promise_fasttrack_raid_member',
    [63, 255, 256, 16, 399, 591, 675, 735, 911, 974, 991, 951, 3087].map((sectors) =>
      fromEnd(sectors, 'Promise Technology, Inc.'),
    ),
    undefined,
    0x40000,
  ),
  firmware('hpt45x_raid_member', [
    fromEnd(11, '\xf3\x16\x78\x5a'),
    fromEnd(11, '\xfd\x16\x78\x5a'),
  ]),
  firmware(
    'hpt37x_raid_member',
    [magic(4640, '\xf0\x16\x78\x5a'), magic(4640, '\xfd\x16\x78\x5a')],
    undefined,
    0,
  ),
  firmware('adaptec_raid_member', [fromEnd(1, '\x37\xfc\x4d\x1e')], checkAdaptec),
  firmware('jmicron_raid_member', [fromEnd(1, 'JM')], checkJmicron),
]

export const DRBD: ContentType = {
  name: 'drbd',
  usage: 'raid',
  minimumSize: 0x10000,
  find: byMagic(
    ['\x83\x74\x02\x6b', '\x83\x74\x02\x6c', '\x83\x74\x02\x6d'].map((text) =>
      magic(-4096 + 60, text),
    ),
    perhaps,
  ),
}

export const LVM2: ContentType = {
  name: 'LVM2_member',
  usage: 'raid',
  find: byMagic(
    [0x218, 0x18, 0x418, 0x618].map((offset) => magic(offset, 'LVM2 001')),
    checkLvm2,
  ),
}

export const LVM1: ContentType = {
  name: 'LVM1_member',
  usage: 'raid',
  find: byMagic([magic(0, 'HM')], async (region) => {
    const version = (await region.view(0, 172))?.getUint16(2, true)
    return version === 1 || version === 2
  }),
}

export const VMFS_VOLUME: ContentType = {
  name: 'VMFS_volume_member',
  usage: 'raid',
  find: byMagic([magic(1024 * KIBIBYTE, '\x0d\xd0\x01\xc0')]),
}

export const UBI: ContentType = {
  name: 'ubi',
  usage: 'raid',
  find: byMagic([magic(0, 'UBI#')], async (region) => {
    const header = await region.bytes(0, 64)
    if (!header) return false
    const isSound =
      crc32Register(header.subarray(0, 60), 0xffffffff) === viewOf(header).getUint32(60)
    // 2.41 gives up the whole search at a wrong checksum, 2.42 goes on.
    return isSound || 'perhaps'
  }),
}

export const STRATIS: ContentType = {
  name: 'stratis',
  usage: 'raid',
  minimumSize: 16 * SECTOR,
  find: byMagic(
    [1, 9].map((sector) => magic(sector * SECTOR + 4, '!Stra0tis\x86\xff\x02^\x41rh')),
    async (region) => {
      for (const sector of [1, 9]) {
        const copy = await region.bytes(sector * SECTOR, SECTOR)
        if (!copy) return false
        if (~crc32cRegister(copy.subarray(4)) >>> 0 === viewOf(copy).getUint32(0, true)) return true
      }
      return false
    },
  ),
}

function perhaps(): Judgement {
  return 'perhaps'
}

/** A magic at the start of a sector, counted from the end: 1 is the last whole one. */
function fromEnd(sectors: number, text: string) {
  return magic(-sectors * SECTOR, text)
}

function within(sectors: number, offset: number, text: string) {
  return magic(-sectors * SECTOR + offset, text)
}

/** The region without what follows its last whole sector. */
function inSectors(region: Region): Region {
  return { ...region, size: region.size - (region.size % SECTOR) }
}

function firmware(
  name: string,
  magics: readonly Magic[],
  check?: (region: Region, offset: number) => Promise<Judgement>,
  minimumSize = 0x10000,
): ContentType {
  const find = byMagic(magics, check)
  return {
    name,
    usage: 'raid',
    minimumSize,
    find: (region) => (region.wholeDisk ? find(inSectors(region)) : undefined),
  }
}

async function checkVia(region: Region, offset: number): Promise<Judgement> {
  const sector = await region.bytes(offset, 51)
  if (!sector || sector[2]! > 2) return false
  return (sector.subarray(0, 50).reduce((sum, byte) => sum + byte, 0) & 0xff) === sector[50]
}

async function checkSilicon(region: Region, offset: number): Promise<Judgement> {
  const sector = await region.view(offset - 0x60, SECTOR)
  return sector !== undefined && sector.getUint8(0x116) < 8 ? 'perhaps' : false
}

async function checkNvidia(region: Region, offset: number): Promise<Judgement> {
  const header = await region.view(offset, 120)
  if (header?.getUint32(8, true) !== 30) return false
  let sum = 0
  for (let at = 0; at < 120; at += 4) sum = (sum + header.getUint32(at, true)) >>> 0
  return sum === 0
}

async function checkAdaptec(region: Region, offset: number): Promise<Judgement> {
  const signature = await region.bytes(offset + 256, 4)
  return signature !== undefined && equalBytes(signature, latin1('DPTM'))
}

async function checkJmicron(region: Region, offset: number): Promise<Judgement> {
  const header = await region.view(offset, 128)
  if (!header || header.getUint8(0x30) > 5) return false
  let sum = 0
  for (let at = 0; at < 128; at += 2) sum = (sum + header.getUint16(at, true)) & 0xffff
  return sum <= 1
}

async function checkLvm2(region: Region, offset: number): Promise<Judgement> {
  const start = offset < 1024 ? 0 : 1024
  for (const at of [start, start + SECTOR]) {
    const label = await region.bytes(at, SECTOR)
    if (!label || !equalBytes(label.subarray(0, 8), latin1('LABELONE'))) continue
    const view = viewOf(label)
    return (
      view.getBigUint64(8, true) === BigInt(at / SECTOR) &&
      view.getUint32(16, true) === crc32Register(label.subarray(20), 0xf597a6cf)
    )
  }
  return false
}

const MD_MAGIC = 0xa92b4efc
const MD_RESERVED = 64 * KIBIBYTE

async function findLinuxRaid(region: Region): Promise<Match | undefined> {
  const { size } = region
  if (size > MD_RESERVED) {
    const old = size - (size % MD_RESERVED) - MD_RESERVED
    const judgement = await checkOldRaid(region, old)
    if (judgement) return toMatch(old, judgement)
  }
  const places = size > MD_RESERVED ? [size - (size % 4096) - 8192, 0, 4096] : [0, 4096]
  for (const offset of places) {
    if (await isNewRaid(region, offset)) return { offset, certain: true }
  }
  return undefined
}

/** Version 0.90, in either byte order. */
async function checkOldRaid(region: Region, offset: number): Promise<Judgement> {
  const superblock = await region.view(offset, 4096)
  const isLittle = superblock?.getUint32(0, true) === MD_MAGIC
  if (!superblock || (!isLittle && superblock.getUint32(0) !== MD_MAGIC)) return false
  const used = superblock.getUint32(32, isLittle) * KIBIBYTE
  if (region.size < used + MD_RESERVED || offset < used) return false
  // On a whole disk libblkid also asks whether a partition covers the superblock.
  return region.wholeDisk ? 'perhaps' : true
}

async function isNewRaid(region: Region, offset: number): Promise<boolean> {
  const header = await region.view(offset, 256)
  if (header?.getUint32(0, true) !== MD_MAGIC || header.getUint32(4, true) !== 1) return false
  if (header.getBigUint64(144, true) !== BigInt(Math.floor(offset / SECTOR))) return false
  const length = 256 + header.getUint32(220, true) * 2
  if (length > 64 * KIBIBYTE) return false
  const covered = await region.view(offset, length)
  if (!covered) return false
  const stored = covered.getUint32(216, true)
  let sum = -stored
  let at = 0
  for (; at + 4 <= length; at += 4) sum += covered.getUint32(at, true)
  if (at < length) sum += covered.getUint16(at, true)
  return (Math.floor(sum / 2 ** 32) + (sum >>> 0)) >>> 0 === stored
}
