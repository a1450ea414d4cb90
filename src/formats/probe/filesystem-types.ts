/**
 * File systems, in the order in which libblkid looks for them. EROFS is the last.
 *
 * See util-linux libblkid/src/superblocks. Where it checks more than a few fields, the match is not
 * certain.
 */

import { equalBytes } from '../../bytes/equal.ts'
import { viewOf } from '../../bytes/struct.ts'
import { crc32Register } from '../../crypto/crc32.ts'
import { MAGIC as EROFS_MAGIC, SUPERBLOCK_OFFSET } from '../erofs/layout.ts'
import { byMagic, type ContentType, latin1, magic } from './content-type.ts'
import { EXT_TYPES } from './ext-types.ts'
import { checkFat } from './fat.ts'
import {
  checkBtrfs,
  checkIso,
  checkJfs,
  checkReiser,
  checkRomfs,
  findNilfs,
  findUdfSequence,
  findXfsLog,
  findZfs,
} from './filesystem-checks.ts'
import { checkMinix } from './minix.ts'

const KIBIBYTE = 1024
const MEBIBYTE = 1024 * KIBIBYTE

/** FAT, before swap. */
export const FAT: ContentType = filesystem(
  'vfat',
  byMagic(
    [
      magic(0x52, 'MSWIN'),
      magic(0x52, 'FAT32   '),
      magic(0x36, 'MSDOS'),
      magic(0x36, 'FAT16   '),
      magic(0x36, 'FAT12   '),
      magic(0x36, 'FAT     '),
      magic(0, '\xeb'),
      magic(0, '\xe9'),
      magic(0x1fe, '\x55\xaa'),
    ],
    checkFat,
  ),
)

/** All after swap. */
export const FILESYSTEM_TYPES: readonly ContentType[] = [
  filesystem('xfs', byMagic([magic(0, 'XFSB')], perhaps)),
  { name: 'xfs_external_log', usage: 'other', minimumSize: 10 * MEBIBYTE, find: findXfsLog },
  filesystem('exfs', byMagic([magic(0, 'EXFS')], perhaps)),
  ...EXT_TYPES,
  filesystem(
    'reiserfs',
    byMagic(
      [
        magic(8 * KIBIBYTE + 0x34, 'ReIsErFs'),
        magic(64 * KIBIBYTE + 0x34, 'ReIsEr2Fs'),
        magic(64 * KIBIBYTE + 0x34, 'ReIsEr3Fs'),
        magic(64 * KIBIBYTE + 0x34, 'ReIsErFs'),
        magic(8 * KIBIBYTE + 20, 'ReIsErFs'),
      ],
      checkReiser,
    ),
    128 * KIBIBYTE,
  ),
  filesystem(
    'reiser4',
    byMagic([magic(64 * KIBIBYTE, 'ReIsEr4')], async (region, offset) => {
      const blocks = (await region.view(offset, 64))?.getUint8(19)
      return blocks !== undefined && (blocks >= 2 || 'perhaps')
    }),
    128 * KIBIBYTE,
  ),
  filesystem('jfs', byMagic([magic(32 * KIBIBYTE, 'JFS1')], checkJfs), 16 * MEBIBYTE),
  {
    ...filesystem(
      'udf',
      byMagic(
        ['BEA01', 'BOOT2', 'CD001', 'CDW02', 'NSR02', 'NSR03', 'TEA01'].map((text) =>
          magic(32 * KIBIBYTE + 1, text),
        ),
        findUdfSequence,
      ),
    ),
    tolerant: true,
  },
  {
    ...filesystem(
      'iso9660',
      byMagic([magic(32 * KIBIBYTE + 1, 'CD001'), magic(32 * KIBIBYTE + 9, 'CDROM')], checkIso),
    ),
    tolerant: true,
  },
  { ...filesystem('zfs_member', findZfs), minimumSize: 64 * MEBIBYTE },
  filesystem(
    'hfsplus',
    byMagic([magic(KIBIBYTE, 'BD'), magic(KIBIBYTE, 'H+'), magic(KIBIBYTE, 'HX')], perhaps),
  ),
  {
    ...filesystem(
      'hfs',
      byMagic([magic(KIBIBYTE, 'BD')], async (region, offset) => {
        const header = await region.view(offset, 162)
        const size = header?.getUint32(20) ?? 0
        const embedded = header?.getUint16(124)
        return embedded !== 0x482b && embedded !== 0x4858 && size !== 0 && size % 512 === 0
      }),
    ),
    tolerant: true,
  },
  filesystem(
    'ufs',
    byMagic(
      [0, 8, 64, 256].flatMap((at) =>
        [0x19540119, 0x00011954, 0x00195612, 0x00095014, 0x00612195, 0x05231994].flatMap((value) =>
          [true, false].map((little) => ({
            offset: at * KIBIBYTE + 1372,
            bytes: fromUint32(value, little),
          })),
        ),
      ),
    ),
  ),
  filesystem(
    'hpfs',
    byMagic([magic(8 * KIBIBYTE, '\x49\xe8\x95\xf9')], async (region) => {
      const spare = await region.bytes(8 * KIBIBYTE + 512, 4)
      return spare !== undefined && equalBytes(spare, latin1('\x49\x18\x91\xf9'))
    }),
  ),
  filesystem(
    'sysv',
    byMagic(
      [0, 9, 15, 18].flatMap((block) =>
        [true, false].map((little) => ({
          offset: block * 1024 + 512 + 504,
          bytes: fromUint32(0xfd187e20, little),
        })),
      ),
    ),
  ),
  filesystem('xenix', byMagic([magic(2048, '\x2b\x55\x44'), magic(2048, '\x44\x55\x2b')])),
  filesystem('ntfs', byMagic([magic(3, 'NTFS    ')], perhaps)),
  filesystem('ReFS', byMagic([magic(0, '\0\0\0ReFS\0')])),
  filesystem(
    'cramfs',
    byMagic(
      [magic(0, '\x45\x3d\xcd\x28'), magic(0, '\x28\xcd\x3d\x45')],
      async (region, _offset, { bytes }) => {
        const flags = (await region.view(0, 64))?.getUint32(8, bytes[0] === 0x45)
        return flags !== undefined && ((flags & 1) === 0 || 'perhaps')
      },
    ),
  ),
  filesystem('romfs', byMagic([magic(0, '-rom1fs-')], checkRomfs)),
  filesystem(
    'scoutfs_meta',
    byMagic([magic(64 * KIBIBYTE + 4, '\x8b\x42\x3c\x10')], perhaps),
    0x20000,
  ),
  filesystem(
    'minix',
    byMagic(
      [
        ...['\x7f\x13', '\x8f\x13', '\x13\x7f', '\x13\x8f'].map((text) => magic(0x410, text)),
        ...['\x68\x24', '\x78\x24', '\x24\x68', '\x24\x78'].map((text) => magic(0x410, text)),
        ...['\x5a\x4d', '\x4d\x5a'].map((text) => magic(0x418, text)),
      ],
      checkMinix,
    ),
  ),
  filesystem(
    'gfs',
    byMagic([magic(64 * KIBIBYTE, '\x01\x16\x19\x70')], async (region, offset) => {
      const header = await region.view(offset, 256)
      return header?.getUint32(24) === 1309 && header.getUint32(28) === 1401
    }),
    32 * MEBIBYTE,
  ),
  filesystem(
    'gfs2',
    byMagic([magic(64 * KIBIBYTE, '\x01\x16\x19\x70')], async (region, offset) => {
      const header = await region.view(offset, 256)
      const [format = 0, multihost = 0] = [header?.getUint32(24), header?.getUint32(28)]
      return format >= 1800 && format < 1900 && multihost >= 1900 && multihost < 2000
    }),
    32 * MEBIBYTE,
  ),
  filesystem('ocfs', byMagic([magic(8 * KIBIBYTE, 'OracleCFS')]), 14000 * KIBIBYTE),
  filesystem(
    'ocfs2',
    byMagic([1, 2, 4, 8].map((at) => magic(at * KIBIBYTE, 'OCFSV2'))),
    14000 * KIBIBYTE,
  ),
  filesystem('oracleasm', byMagic([magic(32, 'ORCLDISK')])),
  filesystem(
    'vxfs',
    byMagic([magic(KIBIBYTE, '\xf5\xfc\x01\xa5'), magic(8 * KIBIBYTE, '\xa5\x01\xfc\xf5')]),
  ),
  filesystem(
    'squashfs',
    byMagic([magic(0, 'hsqs')], async (region) => {
      return ((await region.view(0, 96))?.getUint16(28, true) ?? 0) >= 4
    }),
  ),
  filesystem(
    'squashfs3',
    byMagic([magic(0, 'sqsh'), magic(0, 'hsqs')], async (region, _offset, { bytes }) => {
      return ((await region.view(0, 96))?.getUint16(28, bytes[0] === 0x68) ?? 4) < 4
    }),
  ),
  filesystem('nss', byMagic([magic(4 * KIBIBYTE, 'SPB5')])),
  filesystem('btrfs', byMagic([magic(64 * KIBIBYTE + 64, '_BHRfS_M')], checkBtrfs), MEBIBYTE),
  filesystem(
    'ubifs',
    byMagic([magic(0, '\x31\x18\x10\x06')], async (region) => {
      const node = await region.bytes(0, 4096)
      if (!node) return false
      const stored = viewOf(node).getUint32(4, true)
      return crc32Register(node.subarray(8), 0xffffffff) === stored
    }),
  ),
  filesystem('bfs', byMagic([magic(0, '\xce\xfa\xad\x1b')])),
  filesystem('VMFS', byMagic([magic(2 * MEBIBYTE, '\x5e\xf1\xab\x2f')])),
  filesystem(
    'befs',
    byMagic(
      [0x20, 0x220].flatMap((at) => ['BFS1', '1SFB'].map((text) => magic(at, text))),
      perhaps,
    ),
    1440 * KIBIBYTE,
  ),
  filesystem('nilfs2', findNilfs, MEBIBYTE),
  filesystem('exfat', byMagic([magic(3, 'EXFAT   ')], perhaps)),
  filesystem('f2fs', byMagic([magic(KIBIBYTE, '\x10\x20\xf5\xf2')], perhaps)),
  filesystem('mpool', byMagic([magic(0, 'mpoolDev')], perhaps)),
  filesystem('apfs', byMagic([magic(32, 'NXSB')], perhaps)),
  filesystem('zonefs', byMagic([magic(0, 'SFOZ')], perhaps)),
  filesystem(
    'erofs',
    byMagic([{ offset: SUPERBLOCK_OFFSET, bytes: fromUint32(EROFS_MAGIC, true) }]),
  ),
]

function filesystem(name: string, find: ContentType['find'], minimumSize = 0): ContentType {
  return { name, usage: 'filesystem', minimumSize, find }
}

function perhaps() {
  return 'perhaps' as const
}

function fromUint32(value: number, little: boolean): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, little)
  return bytes
}
