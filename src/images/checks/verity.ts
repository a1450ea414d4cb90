/** Checks of dm-verity: the superblock, the data, the tree above it, and the hash at its top. */

import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import { failureOf, resultOf } from '../read/attempt.ts'
import type { Check, Problem } from './finding.ts'
import { findSizeProblems, type Subject } from './subject.ts'
import type { TreeDamage } from './verify-tree.ts'

/** Block size that every kernel accepts, since no page is smaller. */
const PORTABLE_BLOCK_SIZE = 4096

export const veritySuperblock: Check<Subject> = {
  name: 'verity superblock',
  async run({ image, superblock }) {
    const { data, hash } = image
    if (!data) return undefined
    if (!hash) {
      return {
        problems: [
          { expected: 'a hash tree', found: 'none: nothing protects the data', unproven: true },
        ],
      }
    }
    const error = failureOf(superblock)
    if (error) {
      const offset = hash.offset + (error.offset ?? 0)
      return {
        problems: [{ expected: 'a dm-verity superblock', found: error.fact, offset }],
      }
    }
    const value = resultOf(superblock)
    if (!value) return undefined
    const { dataBlocks, dataBlockSize, hashBlockSize } = value
    const sizes =
      dataBlockSize === hashBlockSize ? dataBlockSize : `${dataBlockSize} and ${hashBlockSize}`
    const limit =
      dataBlockSize > PORTABLE_BLOCK_SIZE
        ? `; kernels with pages of ${PORTABLE_BLOCK_SIZE} bytes refuse them`
        : ''
    return {
      problems: findSizeProblems(image, value).map((problem) => ({
        ...problem,
        offset: hash.offset,
      })),
      note: `${dataBlocks} data blocks, blocks of ${sizes} bytes${limit}`,
    }
  },
}

/** Every block of the file system has the digest stored for it. */
export const data: Check<Subject> = {
  name: 'data',
  async run({ tree, superblock }) {
    if (!tree) return undefined
    const { dataBlocks = 0, dataBlockSize = 0 } = resultOf(superblock) ?? {}
    return {
      problems: tree.damage.filter(({ level }) => level === 0).map(describeDamage),
      note: `${dataBlocks * dataBlockSize} bytes hashed`,
    }
  },
}

/** Every block of the tree has the digest stored for it in the level above. */
export const hashTree: Check<Subject> = {
  name: 'hash tree',
  async run({ tree }) {
    if (!tree) return undefined
    return { problems: tree.damage.filter(({ level }) => level > 0).map(describeDamage) }
  },
}

/** The top of the tree is what partition UUIDs, signature partition and files say it is. */
export const rootHash: Check<Subject> = {
  name: 'root hash',
  async run({ tree, rootHashes }) {
    if (!tree) return undefined
    const { claims } = rootHashes
    if (claims.length === 0) {
      const found = 'none: neither the image nor a file beside it states one'
      return { problems: [{ expected: 'a root hash', found, unproven: true }] }
    }
    return {
      problems: claims
        .filter(({ rootHash: claimed }) => !equalBytes(claimed, tree.rootHash))
        .map(({ where, rootHash: claimed }) => ({
          expected: `${toHex(claimed)} (${where})`,
          found: toHex(tree.rootHash),
        })),
      note: `${toHex(tree.rootHash)} (${claims.map(({ where }) => where).join(', ')})`,
    }
  },
}

function describeDamage({ level, blocks, first }: TreeDamage): Problem {
  const place = level === 0 ? `data block ${first.block}` : `level ${level} block ${first.block}`
  const more = blocks > 1 ? `, and ${blocks - 1} more blocks differ` : ''
  return {
    expected: `${place} with digest ${first.expected}`,
    found: `${first.found}${more}`,
    offset: first.offset,
  }
}
