/** What Linux has against mounting an EROFS that can be read. */

import type { Erofs } from '../../formats/erofs/index.ts'
import { MAX_VOLUME_NAME } from '../../formats/erofs/layout.ts'
import { resultOf } from '../read/attempt.ts'
import type { Problem } from './finding.ts'
import type { Subject } from './subject.ts'

export interface MountObjection extends Problem {
  /** What comes of it. */
  readonly reader: string
}

const SECTOR_SIZE = 512

/** Bytes of a block of the device that is mounted: of the hash tree where it is used, else of the disk. */
export function deviceBlockSize({ superblock, image, rootHashes }: Subject): number {
  const value = rootHashes.reader.rootHash && resultOf(superblock)
  return value?.dataBlockSize ?? image.gpt?.sectorSize ?? SECTOR_SIZE
}

export function findMountObjections(
  { blockSize, superblock }: Erofs,
  deviceBlock: number,
): MountObjection[] {
  const objections: MountObjection[] = []
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
