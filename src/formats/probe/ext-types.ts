/** The family of ext2, which shares one superblock: its features tell the members apart. */

import { viewOf } from '../../bytes/struct.ts'
import { crc32cRegister } from '../../crypto/crc32c.ts'
import { byMagic, type ContentType, type Judgement, magic } from './content-type.ts'
import type { Region } from './region.ts'

const SUPERBLOCK_OFFSET = 1024
const SUPERBLOCK_SIZE = 1024
const MAGIC = magic(SUPERBLOCK_OFFSET + 0x38, '\x53\xef')

const HAS_JOURNAL = 0x4
const JOURNAL_DEVICE = 0x8
const METADATA_CHECKSUM = 0x400
const TEST_FILESYSTEM = 0x4
const LARGEST_LOG_BLOCK_SIZE = 255
/** What the older members understand of `incompat` and `ro_compat`. */
const EXT2_INCOMPAT = 0x12
const EXT3_INCOMPAT = 0x16
const EXT2_RO_COMPAT = 0x7

interface Features {
  readonly compat: number
  readonly incompat: number
  readonly roCompat: number
  readonly flags: number
}

/** In the order in which libblkid looks for them. */
export const EXT_TYPES: readonly ContentType[] = [
  member('ext4dev', ({ incompat, flags }) => {
    return (incompat & JOURNAL_DEVICE) === 0 && (flags & TEST_FILESYSTEM) !== 0
  }),
  member('ext4', ({ incompat, roCompat, flags }) => {
    const isNew = (roCompat & ~EXT2_RO_COMPAT) !== 0 || (incompat & ~EXT3_INCOMPAT) !== 0
    return isNew && (incompat & JOURNAL_DEVICE) === 0 && (flags & TEST_FILESYSTEM) === 0
  }),
  member('ext3', ({ compat, incompat, roCompat }) => {
    const isKnown = (roCompat & ~EXT2_RO_COMPAT) === 0 && (incompat & ~EXT3_INCOMPAT) === 0
    return (compat & HAS_JOURNAL) !== 0 && isKnown
  }),
  member('ext2', ({ compat, incompat, roCompat }) => {
    const isKnown = (roCompat & ~EXT2_RO_COMPAT) === 0 && (incompat & ~EXT2_INCOMPAT) === 0
    return (compat & HAS_JOURNAL) === 0 && isKnown
  }),
  { ...member('jbd', ({ incompat }) => (incompat & JOURNAL_DEVICE) !== 0), usage: 'other' },
]

function member(name: string, isIt: (features: Features) => boolean): ContentType {
  const check = async (region: Region): Promise<Judgement> => {
    const features = await readFeatures(region)
    return features !== undefined && isIt(features)
  }
  return { name, usage: 'filesystem', find: byMagic([MAGIC], check) }
}

/** Undefined where checksum or block size make libblkid ignore the superblock. */
async function readFeatures(region: Region): Promise<Features | undefined> {
  const superblock = await region.bytes(SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE)
  if (!superblock) return undefined
  const view = viewOf(superblock)
  const roCompat = view.getUint32(0x64, true)
  const isSound =
    (roCompat & METADATA_CHECKSUM) !== 0
      ? crc32cRegister(superblock.subarray(0, 1020)) === view.getUint32(1020, true)
      : view.getUint32(0x18, true) <= LARGEST_LOG_BLOCK_SIZE
  if (!isSound) return undefined
  return {
    compat: view.getUint32(0x5c, true),
    incompat: view.getUint32(0x60, true),
    roCompat,
    flags: view.getUint32(0x160, true),
  }
}
