/** Where the levels of a hash tree lie in a hash partition, for any block sizes dm-verity allows. */

import type { VeritySuperblock } from './superblock.ts'

/** A level of the tree. Level 0 holds the digests of the data blocks. */
export interface TreeLevel {
  /** Byte offset in the hash partition. */
  readonly offset: number
  readonly blocks: number
}

export interface TreeGeometry {
  /** From level 0 up to a single block; empty for a single data block. */
  readonly levels: readonly TreeLevel[]
  /** Bytes used in the hash partition, the superblock's block included. */
  readonly size: number
}

const DIGEST_SIZE = 32

/** The geometry of the tree a superblock describes. Levels are stored top first. */
export function treeGeometry(
  superblock: Pick<VeritySuperblock, 'hashBlockSize' | 'dataBlocks'>,
): TreeGeometry {
  const { hashBlockSize, dataBlocks } = superblock
  const digestsPerBlock = hashBlockSize / DIGEST_SIZE
  const counts: number[] = []
  for (let blocks = dataBlocks; blocks > 1; counts.push(blocks)) {
    blocks = Math.ceil(blocks / digestsPerBlock)
  }
  let offset = hashBlockSize
  const levels: TreeLevel[] = []
  for (const blocks of counts.toReversed()) {
    levels.unshift({ offset, blocks })
    offset += blocks * hashBlockSize
  }
  return { levels, size: offset }
}
