/**
 * Recomputes a whole hash tree and compares it with the stored one, level by level.
 *
 * Every stored digest is compared with the block below it, so that damage is found where it is and
 * not only in the root hash. Memory does not grow with the image; threads do the hashing.
 */

import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import { sha256 } from '../../crypto/sha256.ts'
import { DIGEST_SIZE, VERITY_BLOCK_SIZE } from '../../formats/verity/hash-tree.ts'
import type { VeritySuperblock } from '../../formats/verity/superblock.ts'
import { treeGeometry } from '../../formats/verity/tree-geometry.ts'
import { ordered } from '../pipeline/ordered.ts'
import type { Pool } from '../pipeline/pool.ts'
import { borrowPool } from '../pipeline/shared-pool.ts'
import type { Part } from '../read/open-image.ts'

export interface TreeInput {
  readonly data: Part
  readonly hash: Part
  /** Its data and its tree must fit into the parts. */
  readonly superblock: VeritySuperblock
  /** Hash the top block and nothing else: the root hash, whatever lies below. */
  readonly topOnly?: boolean
  readonly threads?: number | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Blocks of one level that do not have the digest stored for them. */
export interface TreeDamage {
  /** 0 for data, 1 for the lowest level of the tree, and so on. */
  readonly level: number
  readonly blocks: number
  /** The first of them. */
  readonly first: {
    readonly block: number
    /** Bytes in the file that holds it. */
    readonly offset: number
    readonly expected: string
    readonly found: string
  }
}

export interface TreeVerdict {
  /** Digest of the top block: what the root hash must be. */
  readonly rootHash: Uint8Array
  /** Lowest level first; empty where the tree fits the data. */
  readonly damage: readonly TreeDamage[]
}

/** Consecutive blocks of one size. */
interface Blocks {
  readonly part: Part
  /** Byte offset in the part. */
  readonly offset: number
  readonly count: number
  readonly blockSize: number
}

const CHUNK_SIZE = 1024 * 1024

/** Verifies a tree. @throws FileError where the image cannot be read. */
export async function verifyTree(input: TreeInput): Promise<TreeVerdict> {
  const { data, hash, superblock, onProgress } = input
  const { salt, dataBlocks, dataBlockSize, hashBlockSize } = superblock
  const levels: Blocks[] = [
    { part: data, offset: 0, count: dataBlocks, blockSize: dataBlockSize },
    ...treeGeometry(superblock).levels.map(({ offset, blocks }) => ({
      part: hash,
      offset,
      count: blocks,
      blockSize: hashBlockSize,
    })),
  ]
  if (input.topOnly) return { rootHash: await hashTop(levels, salt), damage: [] }
  const total = levels.reduce((sum, { count, blockSize }) => sum + count * blockSize, 0)
  const pool = borrowPool(input.threads)
  pool.expect(total)
  try {
    let done = 0
    const advance = (bytes: number) => {
      done += bytes
      onProgress?.(done, total)
    }
    const damage: TreeDamage[] = []
    for (const [level, blocks] of levels.slice(0, -1).entries()) {
      const found = await compareLevel(pool, salt, blocks, levels[level + 1]!, advance)
      if (found) damage.push({ level, ...found })
    }
    const rootHash = await hashTop(levels, salt)
    advance(levels.at(-1)!.blockSize)
    return { rootHash, damage }
  } finally {
    await pool.close()
  }
}

async function hashTop(levels: readonly Blocks[], salt: Uint8Array): Promise<Uint8Array> {
  const { part, offset, blockSize } = levels.at(-1)!
  return sha256(salt, await part.source.read(offset, blockSize))
}

/** Compares the digests of `blocks` with those stored in the level above. */
async function compareLevel(
  pool: Pool,
  salt: Uint8Array,
  blocks: Blocks,
  parent: Blocks,
  advance: (bytes: number) => void,
): Promise<Omit<TreeDamage, 'level'> | undefined> {
  let bad = 0
  let first: TreeDamage['first'] | undefined
  let block = 0
  for await (const digests of digestBlocks(pool, salt, blocks)) {
    const at = parent.offset + block * DIGEST_SIZE
    const stored = await parent.part.source.read(at, digests.length)
    if (Buffer.compare(digests, stored) !== 0) {
      for (let start = 0; start < digests.length; start += DIGEST_SIZE) {
        const expected = stored.subarray(start, start + DIGEST_SIZE)
        const found = digests.subarray(start, start + DIGEST_SIZE)
        if (equalBytes(expected, found)) continue
        bad += 1
        first ??= locate(blocks, block + start / DIGEST_SIZE, expected, found)
      }
    }
    const count = digests.length / DIGEST_SIZE
    block += count
    advance(count * blocks.blockSize)
  }
  return first && { blocks: bad, first }
}

function locate(
  { part, offset, blockSize }: Blocks,
  block: number,
  expected: Uint8Array,
  found: Uint8Array,
): TreeDamage['first'] {
  return {
    block,
    offset: part.offset + offset + block * blockSize,
    expected: toHex(expected),
    found: toHex(found),
  }
}

/** Digests of all blocks in order, many at a time. */
async function* digestBlocks(
  pool: Pool,
  salt: Uint8Array,
  blocks: Blocks,
): AsyncGenerator<Uint8Array> {
  const { part, offset, blockSize } = blocks
  const chunks = function* () {
    const end = offset + blocks.count * blockSize
    for (let at = offset; at < end; at += CHUNK_SIZE) {
      yield { start: part.offset + at, size: Math.min(CHUNK_SIZE, end - at) }
    }
  }
  // Threads know the one block size everybody uses; others come from old or unusual builders.
  const hash =
    blockSize === VERITY_BLOCK_SIZE
      ? async ({ start, size }: { start: number; size: number }) => {
          const { fd: file, path } = part.file
          return (await pool.run({ kind: 'hash', salt, file, path, start, size })).digests
        }
      : async ({ start, size }: { start: number; size: number }) =>
          digestHere(await part.file.read(start, size), blockSize, salt)
  for await (const { result } of ordered(chunks(), pool.window, hash)) yield result
}

function digestHere(bytes: Uint8Array, blockSize: number, salt: Uint8Array): Uint8Array {
  const digests = new Uint8Array((bytes.length / blockSize) * DIGEST_SIZE)
  for (let block = 0; block * blockSize < bytes.length; block++) {
    const start = block * blockSize
    digests.set(sha256(salt, bytes.subarray(start, start + blockSize)), block * DIGEST_SIZE)
  }
  return digests
}
