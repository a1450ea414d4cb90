/**
 * Whether what is written for files that share blocks is what was fingerprinted: their files may
 * have been changed in between, through a mapping even without a trace in their times.
 */

import { BLOCK_SIZE } from '../../../formats/erofs/layout.ts'
import { DIGEST_SIZE } from '../../../formats/verity/hash-tree.ts'
import type { Piece } from '../../pipeline/pieces.ts'
import { contentChanged } from '../../pipeline/read-content.ts'
import type { Stored } from './duplicates.ts'
import { Fingerprinter } from './fingerprint.ts'

/** A piece of one of the contents. */
export interface StoredPiece extends Piece {
  readonly stored: Stored
}

/** Takes digests of contents in the order in which they are written. */
export class ContentCheck {
  readonly #stored: readonly Stored[]
  /** The content that is being written, and how many of its blocks have been. */
  #index = 0
  #blocks = 0
  #current: Fingerprinter | undefined

  constructor(stored: readonly Stored[]) {
    this.#stored = stored
  }

  /**
   * Takes the digests of blocks as they are stored, of all contents.
   *
   * @throws TreeError CHANGED
   */
  takeBlocks(digests: Uint8Array): void {
    for (let at = 0; at < digests.length; ) {
      const stored = this.#stored[this.#index]
      if (!stored) throw new RangeError('blocks of no content')
      const blocks = Math.min((digests.length - at) / DIGEST_SIZE, stored.blocks - this.#blocks)
      const end = at + blocks * DIGEST_SIZE
      this.#take(stored, this.#blocks === 0, digests.subarray(at, end))
      at = end
      this.#blocks += blocks
      if (this.#blocks < stored.blocks) continue
      this.#finish(stored)
      this.#index++
      this.#blocks = 0
    }
  }

  /**
   * Takes the digests of pieces as they were read, of contents that have a fingerprint.
   *
   * @throws TreeError CHANGED
   */
  takePieces(pieces: readonly StoredPiece[], digests: Uint8Array): void {
    let at = 0
    for (const { stored, start, size } of pieces) {
      if (!stored.inode.fingerprint) continue
      const end = at + Math.ceil(size / BLOCK_SIZE) * DIGEST_SIZE
      this.#take(stored, start === 0, digests.subarray(at, end))
      at = end
      if (start + size === stored.inode.size) this.#finish(stored)
    }
  }

  #take({ inode, blocks }: Stored, isFirst: boolean, digests: Uint8Array): void {
    if (!inode.fingerprint) return
    if (isFirst) this.#current = new Fingerprinter(blocks)
    this.#current?.update(digests)
  }

  #finish({ inode, content }: Stored): void {
    if (!inode.fingerprint) return
    // What stands behind the inode is checked when it is read: the digest of the blocks is enough.
    if (this.#current?.finish().blocks !== inode.fingerprint.blocks) throw contentChanged(content)
  }
}
