/**
 * Encrypted devices, caches, swap and other content that is not a file system.
 *
 * See util-linux libblkid/src/superblocks.
 */

import { equalBytes } from '../../bytes/equal.ts'
import { viewOf } from '../../bytes/struct.ts'
import {
  byMagic,
  type ContentType,
  type Judgement,
  latin1,
  type Match,
  magic,
} from './content-type.ts'
import type { Region } from './region.ts'

const KIBIBYTE = 1024
const BCACHE_MAGIC = '\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81'
const BCACHEFS_MAGIC = '\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef'

export const BCACHE: ContentType = {
  name: 'bcache',
  usage: 'other',
  minimumSize: 8192,
  find: byMagic([magic(4096 + 24, BCACHE_MAGIC)], () => 'perhaps'),
}

export const BCACHEFS: ContentType = {
  name: 'bcachefs',
  usage: 'filesystem',
  minimumSize: 256 * 512,
  find: byMagic(
    [
      magic(4096 + 24, BCACHE_MAGIC),
      magic(4096 + 24, BCACHEFS_MAGIC),
      magic(2048 * KIBIBYTE + 24, BCACHEFS_MAGIC),
      magic(-1024 * KIBIBYTE + 24, BCACHEFS_MAGIC),
    ],
    () => 'perhaps',
  ),
}

export const BLUESTORE: ContentType = {
  name: 'ceph_bluestore',
  usage: 'other',
  find: byMagic([magic(0, 'bluestore block device')]),
}

export const DRBD_MANAGE: ContentType = {
  name: 'drbdmanage_control_volume',
  usage: 'other',
  minimumSize: 64 * KIBIBYTE,
  find: byMagic([magic(0, '$DRBDmgr=q')], () => 'perhaps'),
}

export const DRBD_PROXY: ContentType = {
  name: 'drbdproxy_datalog',
  usage: 'filesystem',
  minimumSize: 16 * KIBIBYTE,
  find: byMagic([magic(0, 'DRBDdlh*')]),
}

export const SNAPSHOT: ContentType = {
  name: 'DM_snapshot_cow',
  usage: 'other',
  find: byMagic([magic(0, 'SnAp')]),
}

export const VERITY: ContentType = {
  name: 'DM_verity_hash',
  usage: 'crypto',
  find: byMagic([magic(0, 'verity\0\0')], async (region) => {
    return (await region.view(0, 512))?.getUint32(8, true) === 1
  }),
}

export const INTEGRITY: ContentType = {
  name: 'DM_integrity',
  usage: 'crypto',
  find: byMagic([magic(0, 'integrt\0')], async (region) => {
    return ((await region.view(0, 64))?.getUint8(8) ?? 0) !== 0
  }),
}

export const LUKS: ContentType = { name: 'crypto_LUKS', usage: 'crypto', find: findLuks }

export const VDO: ContentType = {
  name: 'vdo',
  usage: 'other',
  find: byMagic([magic(0, 'dmvdo001')]),
}

export const BITLOCKER: ContentType = {
  name: 'BitLocker',
  usage: 'crypto',
  find: byMagic(
    [
      magic(0, '\xeb\x52\x90-FVE-FS-'),
      magic(0, '\xeb\x58\x90-FVE-FS-'),
      magic(0, '\xeb\x58\x90MSWIN4.1'),
    ],
    (_region, _offset, { bytes }) => (bytes[1] === 0x52 ? true : 'perhaps'),
  ),
}

export const FILEVAULT: ContentType = {
  name: 'cs_fvault2',
  usage: 'crypto',
  find: byMagic([magic(88, 'CS')], async (region) => {
    const header = await region.view(0, 512)
    if (header?.getUint16(8, true) !== 1 || header.getUint32(90, true) !== 1) return false
    return header.getUint16(10, true) === 0x10 ? 'perhaps' : false
  }),
}

const SWAP_PAGES = [0xff6, 0x1ff6, 0x3ff6, 0x7ff6, 0xfff6]

/** What hibernation leaves in swap. */
export const HIBERNATION: ContentType = {
  name: 'swsuspend',
  usage: 'other',
  minimumSize: 10 * 4096,
  find: byMagic([
    magic(0, '\xed\xc3\x02\xe9\x98\x56\xe5\x0c'),
    ...SWAP_PAGES.flatMap((offset) =>
      ['S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001'].map((text) => magic(offset, text)),
    ),
  ]),
}

export const SWAP: ContentType = {
  name: 'swap',
  usage: 'other',
  minimumSize: 10 * 4096,
  find: byMagic(
    SWAP_PAGES.flatMap((offset) => ['SWAP-SPACE', 'SWAPSPACE2'].map((text) => magic(offset, text))),
    checkSwap,
  ),
}

async function checkSwap(
  region: Region,
  _offset: number,
  { bytes }: { readonly bytes: Uint8Array },
): Promise<Judgement> {
  if (equalBytes(bytes, latin1('SWAP-SPACE'))) return true
  const header = await region.view(1024, 8)
  if (!header) return false
  const version = [header.getUint32(0, true), header.getUint32(0)]
  return version.includes(1) && header.getUint32(4, true) !== 0
}

/** Where libblkid 2.41 also looks for the second header; 2.42 does not when types are compared. */
const SECOND_HEADERS = [
  0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000,
]

async function findLuks(region: Region): Promise<Match | undefined> {
  for (const offset of [0, ...SECOND_HEADERS]) {
    const header = await region.bytes(offset, 512)
    if (!header) break
    const text = offset === 0 ? 'LUKS\xba\xbe' : 'SKUL\xba\xbe'
    if (!equalBytes(header.subarray(0, 6), latin1(text))) continue
    const view = viewOf(header)
    if (view.getUint16(6) === 2 && view.getBigUint64(256) !== BigInt(offset)) continue
    return { offset, certain: true }
  }
  return undefined
}
