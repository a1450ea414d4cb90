/**
 * Bytes that libblkid takes for something, put over whatever is there.
 *
 * Each is as little as libblkid needs: a magic, the fields it checks, a checksum.
 */

import { crc32 } from 'node:zlib'
import { crc32cRegister } from '../../src/crypto/crc32c.ts'

export interface ContentSample {
  /** The name in libblkid; a remark follows a blank where there are several of one name. */
  readonly name: string
  /** Where it needs more bytes than 64 KiB. */
  readonly size?: number
  readonly put: (bytes: Buffer) => void
}

const KIB = 1024
const MIB = 1024 * KIB

/** A value of a field, lower byte first unless `big`. */
type Field = readonly [offset: number, value: number | string, size?: 1 | 2 | 4 | 8, big?: boolean]

function put(...fields: readonly Field[]): ContentSample['put'] {
  return (bytes) => {
    for (const [offset, value, size = 4, big] of fields) {
      const at = offset < 0 ? bytes.length + offset : offset
      if (typeof value === 'string') bytes.write(value, at, 'latin1')
      else if (size === 8) bytes[big ? 'writeBigUInt64BE' : 'writeBigUInt64LE'](BigInt(value), at)
      else bytes[big ? 'writeUIntBE' : 'writeUIntLE'](value, at, size)
    }
  }
}

/** `first`, and then what depends on the bytes. */
function then(first: ContentSample['put'], last: ContentSample['put']): ContentSample['put'] {
  return (bytes) => {
    first(bytes)
    last(bytes)
  }
}

const register = (bytes: Uint8Array, initial: number) => ~crc32(bytes, ~initial >>> 0) >>> 0
const lastSector = (offset: number) => -512 + offset

const fat = (type: string, at: number) =>
  put(
    [0, '\xeb\x3c\x90'],
    [0x0b, 512, 2],
    [0x0d, 4, 1],
    [0x0e, 1, 2],
    [0x10, 2, 1],
    [0x11, 512, 2],
    [0x13, 4000, 2],
    [0x15, 0xf8, 1],
    [0x16, 12, 2],
    [at, type],
    [0x1fe, '\x55\xaa'],
  )

const ext = (compat: number, incompat: number, roCompat: number, flags = 0) =>
  put(
    [0x438, 0xef53, 2],
    [0x418, 2],
    [0x45c, compat],
    [0x460, incompat],
    [0x464, roCompat],
    [0x560, flags],
  )

const md1 = (offset: (size: number) => number): ContentSample['put'] => {
  return (bytes) => {
    const at = offset(bytes.length)
    bytes.fill(0, at, at + 256)
    put([at, 0xa92b4efc], [at + 4, 1], [at + 144, at / 512, 8])(bytes)
    let sum = 0
    for (let word = 0; word < 256; word += 4) sum += bytes.readUInt32LE(at + word)
    put([at + 216, (Math.floor(sum / 2 ** 32) + (sum >>> 0)) >>> 0])(bytes)
  }
}

export const CONTENT_SAMPLES: readonly ContentSample[] = [
  {
    name: 'linux_raid_member 0.90',
    size: 2 * MIB,
    put: (bytes) => {
      const at = bytes.length - (bytes.length % 65536) - 65536
      put([at, 0xa92b4efc], [at + 4, 0], [at + 8, 90], [at + 32, 64])(bytes)
    },
  },
  { name: 'linux_raid_member 1.0', size: 2 * MIB, put: md1((size) => size - (size % 4096) - 8192) },
  { name: 'linux_raid_member 1.1', size: 2 * MIB, put: md1(() => 0) },
  { name: 'linux_raid_member 1.2', size: 2 * MIB, put: md1(() => 4096) },
  { name: 'isw_raid_member', size: 2 * MIB, put: put([-1024, 'Intel Raid ISM Cfg Sig. 1.0.00']) },
  { name: 'lsi_mega_raid_member', size: 2 * MIB, put: put([-512, '$XIDE$']) },
  {
    name: 'via_raid_member',
    size: 2 * MIB,
    put: (bytes) => {
      bytes.fill(0, bytes.length - 512)
      put([-512, 0xaa55, 2], [lastSector(50), 0xff, 1])(bytes)
    },
  },
  {
    name: 'nvidia_raid_member',
    size: 2 * MIB,
    put: (bytes) => {
      const at = bytes.length - 1024
      bytes.fill(0, at, at + 120)
      put([at, 'NVIDIA  '], [at + 8, 30])(bytes)
      let sum = 0
      for (let word = 0; word < 120; word += 4) sum = (sum + bytes.readUInt32LE(at + word)) >>> 0
      put([at + 116, -sum >>> 0])(bytes)
    },
  },
  {
    name: 'promise_fasttrack_raid_member',
    size: 2 * MIB,
    put: put([-63 * 512, 'Promise Technology, Inc.']),
  },
  { name: 'hpt45x_raid_member', size: 2 * MIB, put: put([-11 * 512, 0x5a7816f3]) },
  { name: 'hpt37x_raid_member', size: 2 * MIB, put: put([4640, '\xf0\x16\x78\x5a']) },
  {
    name: 'adaptec_raid_member',
    size: 2 * MIB,
    put: put([-512, 0x37fc4d1e, 4, true], [lastSector(256), 'DPTM']),
  },
  {
    name: 'jmicron_raid_member',
    size: 2 * MIB,
    put: (bytes) => {
      bytes.fill(0, bytes.length - 512)
      put([-512, 'JM'], [lastSector(4), 0x10000 - 0x4d4a, 2])(bytes)
    },
  },
  { name: 'ceph_bluestore', put: put([0, 'bluestore block device']) },
  { name: 'drbdproxy_datalog', put: put([0, 'DRBDdlh*']) },
  {
    name: 'LVM2_member',
    size: 2 * MIB,
    put: then(put([0x200, 'LABELONE'], [0x208, 1, 8], [0x214, 32], [0x218, 'LVM2 001']), (bytes) =>
      put([0x210, register(bytes.subarray(0x214, 0x400), 0xf597a6cf)])(bytes),
    ),
  },
  { name: 'LVM1_member', size: 2 * MIB, put: put([0, 'HM'], [2, 1, 2]) },
  { name: 'DM_snapshot_cow', put: put([0, 'SnAp']) },
  { name: 'DM_verity_hash', put: put([0, 'verity\0\0'], [8, 1]) },
  { name: 'DM_integrity', put: put([0, 'integrt\0'], [8, 1, 1]) },
  { name: 'crypto_LUKS 1', put: put([0, 'LUKS\xba\xbe'], [6, 1, 2, true]) },
  { name: 'crypto_LUKS 2', put: put([0, 'LUKS\xba\xbe'], [6, 2, 2, true]) },
  { name: 'VMFS_volume_member', size: 2 * MIB, put: put([MIB, '\x0d\xd0\x01\xc0']) },
  {
    name: 'ubi',
    size: 2 * MIB,
    put: then(put([0, 'UBI#']), (bytes) =>
      put([60, register(bytes.subarray(0, 60), 0xffffffff), 4, true])(bytes),
    ),
  },
  { name: 'vdo', put: put([0, 'dmvdo001']) },
  {
    name: 'stratis',
    size: 2 * MIB,
    put: then(put([516, '!Stra0tis\x86\xff\x02^\x41rh']), (bytes) =>
      put([512, ~crc32cRegister(bytes.subarray(516, 1024)) >>> 0])(bytes),
    ),
  },
  { name: 'BitLocker', put: put([0, '\xeb\x52\x90-FVE-FS-']) },
  { name: 'vfat 12', put: fat('FAT12   ', 0x36) },
  { name: 'vfat 16', put: fat('FAT16   ', 0x36) },
  { name: 'vfat without a name', put: fat('', 0x36) },
  { name: 'swsuspend', put: put([0xff6, 'S1SUSPEND']) },
  { name: 'swap 0', put: put([0xff6, 'SWAP-SPACE']) },
  { name: 'swap 1', put: put([0x1ff6, 'SWAPSPACE2'], [1024, 1], [1028, 9]) },
  {
    name: 'xfs_external_log',
    size: 10 * MIB,
    put: put(
      [0xa000, 0xfeedbabe, 4, true],
      [0xa008, 1, 4, true],
      [0xa00c, 512, 4, true],
      [0xa12c, 1, 4, true],
    ),
  },
  { name: 'ext2', put: ext(0, 2, 1) },
  { name: 'ext3', put: ext(4, 2, 1) },
  { name: 'ext4', put: ext(4, 0x42, 9) },
  { name: 'ext4dev', put: ext(4, 0x42, 9, 4) },
  { name: 'jbd', put: ext(0, 8, 0) },
  {
    name: 'reiserfs',
    size: 2 * MIB,
    put: put([0x10034, 'ReIsEr2Fs'], [0x1002c, 4096, 2], [0x1000c, 18]),
  },
  { name: 'reiser4', size: 2 * MIB, put: put([0x10000, 'ReIsEr4'], [0x10013, 16, 1]) },
  {
    name: 'jfs',
    size: 16 * MIB,
    put: put(
      [0x8000, 'JFS1'],
      [0x8010, 4096],
      [0x8014, 12, 2],
      [0x8016, 3, 2],
      [0x8018, 512],
      [0x801c, 9, 2],
    ),
  },
  { name: 'iso9660', put: put([0x8000, '\x01CD001']) },
  {
    name: 'iso9660 whose sixteenth descriptor is primary',
    put: put([0x8001, 'CD001'], [0xf800, 1]),
  },
  { name: 'iso9660 of High Sierra', put: put([0x8008, '\x01CDROM']) },
  { name: 'hpfs', put: put([0x2000, '\x49\xe8\x95\xf9'], [0x2200, '\x49\x18\x91\xf9']) },
  { name: 'ufs 1', put: put([8 * KIB + 1372, 0x00011954]) },
  { name: 'ufs 2', size: 512 * KIB, put: put([64 * KIB + 1372, 0x19540119, 4, true]) },
  { name: 'sysv', put: put([9 * KIB + 512 + 504, 0xfd187e20]) },
  { name: 'xenix', put: put([2048, '\x2b\x55\x44']) },
  { name: 'ReFS', put: put([0, '\0\0\0ReFS\0']) },
  { name: 'cramfs', put: put([0, '\x45\x3d\xcd\x28'], [8, 0]) },
  {
    name: 'romfs',
    put: then(put([0, '-rom1fs-'], [8, 512, 4, true], [12, 0]), (bytes) => {
      let sum = 0
      for (let at = 0; at < 512; at += 4) sum = (sum + bytes.readUInt32BE(at)) >>> 0
      put([12, -sum >>> 0, 4, true])(bytes)
    }),
  },
  {
    name: 'minix by the number of inodes',
    put: put([0x410, 4991, 8], [0x404, 0x12345678], [0x408, 2]),
  },
  {
    name: 'gfs',
    size: 32 * MIB,
    put: put([0x10000, '\x01\x16\x19\x70'], [0x10018, 1309, 4, true], [0x1001c, 1401, 4, true]),
  },
  {
    name: 'gfs2',
    size: 32 * MIB,
    put: put([0x10000, '\x01\x16\x19\x70'], [0x10018, 1801, 4, true], [0x1001c, 1900, 4, true]),
  },
  { name: 'ocfs', size: 14000 * KIB, put: put([0x2000, 'OracleCFS']) },
  { name: 'ocfs2', size: 14000 * KIB, put: put([0x1000, 'OCFSV2']) },
  { name: 'oracleasm', put: put([32, 'ORCLDISK']) },
  { name: 'vxfs', put: put([0x2000, '\xa5\x01\xfc\xf5']) },
  { name: 'squashfs', put: put([0, 'hsqs'], [28, 4, 2]) },
  { name: 'squashfs3', put: put([0, 'sqsh'], [28, 3, 2, true]) },
  { name: 'nss', put: put([0x1000, 'SPB5']) },
  {
    name: 'btrfs',
    size: 2 * MIB,
    put: then(put([0x10040, '_BHRfS_M'], [0x10090, 4096]), (bytes) =>
      put([0x10000, ~crc32cRegister(bytes.subarray(0x10020, 0x11000)) >>> 0])(bytes),
    ),
  },
  {
    name: 'ubifs',
    put: then(put([0, '\x31\x18\x10\x06']), (bytes) =>
      put([4, register(bytes.subarray(8, 4096), 0xffffffff)])(bytes),
    ),
  },
  { name: 'bfs', put: put([0, '\xce\xfa\xad\x1b']) },
  { name: 'VMFS', size: 4 * MIB, put: put([2 * MIB, '\x5e\xf1\xab\x2f']) },
  {
    name: 'nilfs2',
    size: 2 * MIB,
    put: (bytes) => {
      const at = bytes.length - 4096
      bytes.fill(0, at, at + 1024)
      put([at + 6, 0x3434, 2], [at + 8, 280, 2], [at + 32, bytes.length, 8])(bytes)
      put([at + 16, register(bytes.subarray(at, at + 280), 0)])(bytes)
    },
  },
]

/** Magics after which libblkid checks more: what is here is not enough. */
export const CONTENT_MAGICS: readonly ContentSample[] = [
  { name: 'ddf_raid_member', size: 2 * MIB, put: put([-512, 0xde11de11, 4, true]) },
  { name: 'silicon_medley_raid_member', size: 2 * MIB, put: put([lastSector(0x60), 0x2f000000]) },
  {
    name: 'bcachefs',
    size: 2 * MIB,
    put: put([4096 + 24, '\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef']),
  },
  { name: 'drbd', size: 2 * MIB, put: put([-4096 + 60, '\x83\x74\x02\x6b']) },
  { name: 'drbdmanage_control_volume', put: put([0, '$DRBDmgr=q']) },
  { name: 'BitLocker since Windows 7', put: put([0, '\xeb\x58\x90-FVE-FS-']) },
  { name: 'ubi with a wrong checksum', size: 2 * MIB, put: put([0, 'UBI#']) },
  { name: 'xfs', put: put([0, 'XFSB']) },
  { name: 'exfs', put: put([0, 'EXFS']) },
  { name: 'udf', put: put([0x8001, 'BEA01'], [0x8801, 'NSR02']) },
  { name: 'ntfs', put: put([3, 'NTFS    ']) },
  { name: 'scoutfs_meta', size: 2 * MIB, put: put([0x10004, '\x8b\x42\x3c\x10']) },
  { name: 'befs', size: 2 * MIB, put: put([0x20, 'BFS1']) },
  { name: 'exfat', put: put([3, 'EXFAT   ']) },
  { name: 'mpool', put: put([0, 'mpoolDev']) },
  { name: 'apfs', put: put([32, 'NXSB']) },
  { name: 'zonefs', put: put([0, 'SFOZ']) },
  { name: 'zfs_member', size: 64 * MIB, put: put([16 * KIB, 1, 1], [16 * KIB + 12, 48, 4, true]) },
]

/** Magics at which libblkid looks further, and finds something else. */
export const CONTENT_LOOKALIKES: readonly ContentSample[] = [
  { name: 'iso9660 without descriptors', put: put([0x8001, 'CD001']) },
  {
    name: 'iso9660 whose last descriptor comes first',
    put: put([0x8000, '\xffCD001'], [0x8800, '\x01CD001']),
  },
  {
    name: 'iso9660 whose seventeenth descriptor is primary',
    size: 128 * KIB,
    put: put([0x8001, 'CD001'], [0x10000, 1]),
  },
  { name: 'iso9660 of High Sierra without descriptors', put: put([0x8009, 'CDROM']) },
  { name: 'romfs of no bytes', put: put([0, '-rom1fs-']) },
]
