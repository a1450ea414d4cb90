/**
 * What tells contents apart that are read more than once: to find equal ones, and to make sure when
 * they are read for the image that they are still equal.
 */

import { createHash, type Hash } from 'node:crypto'
import { DIGEST_SIZE } from '../../../formats/verity/hash-tree.ts'

/** Equal for equal contents that are stored in the same way, and different for all others. */
export interface Fingerprint {
  /** SHA-256 over the digests of the blocks that are stored as blocks; hexadecimal. */
  readonly blocks: string
  /** Digest of the last block, which may stand behind the inode. */
  readonly last: Uint8Array
}

/** Takes the digests of the blocks of one content, in their order. */
export class Fingerprinter {
  readonly #hash: Hash = createHash('sha256')
  /** Digests that are still to come for blocks that are stored as blocks. */
  #left: number
  #last = new Uint8Array()

  /** @param blocks how many of the content are stored as blocks: all, or all but the last */
  constructor(blocks: number) {
    this.#left = blocks
  }

  /** Takes the next digests, 32 bytes each. */
  update(digests: Uint8Array): void {
    const size = Math.min(digests.length, this.#left * DIGEST_SIZE)
    this.#hash.update(digests.subarray(0, size))
    this.#left -= size / DIGEST_SIZE
    this.#last = digests.slice(digests.length - DIGEST_SIZE)
  }

  finish(): Fingerprint {
    return { blocks: this.#hash.digest('hex'), last: this.#last }
  }
}
