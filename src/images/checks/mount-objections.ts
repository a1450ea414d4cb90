/** What libblkid and Linux have against mounting a file system whose superblock can be read. */

import type { Erofs } from '../../formats/erofs/index.ts'
import { COMPAT, MAX_VOLUME_NAME } from '../../formats/erofs/layout.ts'
import { resultOf } from '../read/attempt.ts'
import type { ReaderSeal } from '../read/reader-seal.ts'
import type { Problem } from './finding.ts'
import type { Subject } from './subject.ts'

export interface MountObjection extends Problem {
  /** What comes of it. */
  readonly reader: string
}

const SECTOR_SIZE = 512
/** Up to this size of a block, libblkid 2.41 and 2.42 compute another checksum than the kernel. */
const LARGEST_MISREAD_BLOCK = 1024

/** Bytes of a block of the device that is mounted: of the hash tree where it is used, else of the disk. */
export function deviceBlockSize({ superblock, image }: Subject, seal: ReaderSeal): number {
  const value = seal.rootHash && resultOf(superblock)
  return value?.dataBlockSize ?? image.gpt?.sectorSize ?? SECTOR_SIZE
}

export function findMountObjections(
  { blockSize, superblock }: Erofs,
  deviceBlock: number,
): MountObjection[] {
  const objections: MountObjection[] = []
  const hasChecksum = (superblock.featureCompat & COMPAT.SB_CHKSUM) !== 0
  if (blockSize <= LARGEST_MISREAD_BLOCK && hasChecksum) {
    const found = `EROFS with a checksum and blocks of ${blockSize} bytes`
    objections.push({
      expected: 'a file system that libblkid recognizes',
      found,
      reader: `EAFNOSUPPORT: libblkid does not recognize ${found}`,
    })
  }
  if (blockSize < deviceBlock) {
    objections.push({
      expected: `blocks of at least ${deviceBlock} bytes, as the device below has`,
      found: `blocks of ${blockSize} bytes`,
      reader: `EINVAL: EROFS has blocks of ${blockSize} bytes, the device below of ${deviceBlock}`,
    })
  }
  if (!superblock.volumeName.includes(0)) {
    objections.push({
      expected: `a label of at most ${MAX_VOLUME_NAME} bytes`,
      found: `${superblock.volumeName.length} bytes`,
      reader: 'EUCLEAN: Linux up to 6.12 mounts no EROFS whose label has no end',
    })
  }
  return objections
}

/** What a file system that says it has `size` bytes needs more than the `available` ones. */
export function findCut(size: number | bigint, available: number): Problem | undefined {
  if (size <= available) return undefined
  return { expected: `at most ${available} bytes`, found: `${size} bytes` }
}
