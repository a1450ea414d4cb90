/**
 * dm-verity hash tree, hash type 1: salt first, 4096-byte blocks, SHA-256, levels stored top down.
 *
 * See Linux `Documentation/admin-guide/device-mapper/verity.rst`. The geometry is a pure function
 * of the number of data blocks; the tree itself is grown from digests that arrive in order.
 */

import { concat } from '../../bytes/concat.ts'
import { sha256 } from '../../crypto/sha256.ts'

export const VERITY_BLOCK_SIZE = 4096
export const DIGEST_SIZE = 32
const DIGESTS_PER_BLOCK = VERITY_BLOCK_SIZE / DIGEST_SIZE

/** What remains when every data block has been counted in. */
export interface HashTree {
  readonly rootHash: Uint8Array
  /** The levels above the lowest one, top first. */
  readonly upperLevels: Uint8Array
  /** The first block of the lowest level, which waited for the first digest; absent if there is none. */
  readonly firstBlock: Uint8Array | undefined
}

/**
 * Grows a tree from the digests of data blocks 1, 2, 3 … in order. The digest of block 0 comes
 * last, because an EROFS superblock is known last.
 *
 * Blocks of the lowest level are handed to `emit` as they fill up, all but the first; memory is
 * 1/128 of them.
 */
export class HashTreeBuilder {
  readonly #salt: Uint8Array
  readonly #emit: (block: Uint8Array, index: number) => void
  /** Digests of the blocks of the lowest level, by block; number 0 is filled in at the end. */
  readonly #parents: Uint8Array[] = []
  #first: Uint8Array | undefined
  #block = new Uint8Array(VERITY_BLOCK_SIZE)
  #count = 1

  /** @param emit takes a finished block of the lowest level and its position in that level */
  constructor(salt: Uint8Array, emit: (block: Uint8Array, index: number) => void) {
    this.#salt = salt
    this.#emit = emit
  }

  /** Data blocks counted so far, block 0 included. */
  get dataBlocks(): number {
    return this.#count
  }

  /** Counts in the digests of the next data blocks, 32 bytes each. */
  append(digests: Uint8Array): void {
    for (let offset = 0; offset < digests.length; ) {
      const slot = this.#count % DIGESTS_PER_BLOCK
      const room = (DIGESTS_PER_BLOCK - slot) * DIGEST_SIZE
      const taken = digests.subarray(offset, offset + room)
      if (slot === 0 && this.#count > 0) this.#flush()
      this.#block.set(taken, slot * DIGEST_SIZE)
      this.#count += taken.length / DIGEST_SIZE
      offset += taken.length
    }
  }

  /** Ends the tree with the digest of data block 0. */
  finish(digestOfBlock0: Uint8Array): HashTree {
    if (this.#count === 1) {
      // A single block needs no level above it: its own hash is the root.
      return { rootHash: digestOfBlock0, upperLevels: new Uint8Array(), firstBlock: undefined }
    }
    this.#flush()
    const first = this.#first!
    first.set(digestOfBlock0)
    this.#parents[0] = sha256(this.#salt, first)
    const levels: Uint8Array[] = []
    let digests = this.#parents
    while (digests.length > 1) {
      const level = packLevel(digests)
      levels.unshift(level)
      digests = hashBlocks(level, this.#salt)
    }
    return { rootHash: digests[0]!, upperLevels: concat(...levels), firstBlock: first }
  }

  #flush(): void {
    const index = this.#parents.length
    if (index === 0) {
      this.#first = this.#block
      this.#parents.push(new Uint8Array(DIGEST_SIZE))
    } else {
      this.#parents.push(sha256(this.#salt, this.#block))
      this.#emit(this.#block, index)
    }
    this.#block = new Uint8Array(VERITY_BLOCK_SIZE)
  }
}

/** Digests back to back, the last block padded with zeros. */
function packLevel(digests: readonly Uint8Array[]): Uint8Array {
  const blocks = Math.ceil(digests.length / DIGESTS_PER_BLOCK)
  const level = new Uint8Array(blocks * VERITY_BLOCK_SIZE)
  for (const [index, digest] of digests.entries()) level.set(digest, index * DIGEST_SIZE)
  return level
}

function hashBlocks(level: Uint8Array, salt: Uint8Array): Uint8Array[] {
  const digests: Uint8Array[] = []
  for (let offset = 0; offset < level.length; offset += VERITY_BLOCK_SIZE) {
    digests.push(sha256(salt, level.subarray(offset, offset + VERITY_BLOCK_SIZE)))
  }
  return digests
}
