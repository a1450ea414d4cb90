/** The superblock of squashfs, as far as its size goes. See Linux fs/squashfs/squashfs_fs.h. */

import { viewOf } from '../bytes/struct.ts'
import { FormatError } from '../errors.ts'

export const SQUASHFS_SUPERBLOCK_SIZE = 96
const BYTES_USED = 40

/**
 * The bytes that a file system has, as its superblock says; Linux mounts none on a device of fewer.
 *
 * @throws FormatError TRUNCATED
 */
export function squashfsSize(superblock: Uint8Array): bigint {
  if (superblock.length < SQUASHFS_SUPERBLOCK_SIZE) {
    throw new FormatError('squashfs', 'TRUNCATED', 'the superblock is cut off', { offset: 0 })
  }
  return viewOf(superblock).getBigUint64(BYTES_USED, true)
}
