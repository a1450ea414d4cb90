/** Collects what follows in the image into jobs of one megabyte. */

import { alignUp } from '../../../bytes/align.ts'
import { BLOCK_SIZE } from '../../../formats/erofs/layout.ts'
import type { Content } from '../../../tree/model.ts'
import type { FillJob } from '../../pipeline/job.ts'
import { type Piece, packPieces } from '../../pipeline/pieces.ts'

/** Bytes of one job: enough to keep a thread busy, little enough to keep memory flat. */
export const BATCH_SIZE = 1024 * 1024

/** Buffers that have been written out and can be filled again. */
export class BufferStock {
  readonly #buffers: SharedArrayBuffer[] = []

  take(): SharedArrayBuffer {
    return this.#buffers.pop() ?? new SharedArrayBuffer(BATCH_SIZE)
  }

  giveBack(buffer: SharedArrayBuffer): void {
    this.#buffers.push(buffer)
  }
}

/**
 * A run of bytes and contents, cut into jobs. Each method yields the jobs that became full;
 * `end` yields the last.
 */
export class Batch {
  readonly #stock: BufferStock
  readonly #salt: Uint8Array
  #bytes: Uint8Array<SharedArrayBuffer> | undefined
  #pieces: Piece[] = []
  /** Bytes used of the current buffer. */
  #used = 0

  constructor(stock: BufferStock, salt: Uint8Array) {
    this.#stock = stock
    this.#salt = salt
  }

  *bytes(bytes: Uint8Array): Generator<FillJob> {
    for (let start = 0; start < bytes.length; ) {
      const part = bytes.subarray(start, start + BATCH_SIZE - this.#used)
      this.#buffer().set(part, this.#used)
      start += part.length
      yield* this.#advance(part.length)
    }
  }

  /** @param expected the digest the range must have, which then lies in one block */
  *content(
    content: Content,
    from: number,
    size: number,
    expected?: Uint8Array,
  ): Generator<FillJob> {
    for (let start = from; start < from + size; ) {
      const part = Math.min(from + size - start, BATCH_SIZE - this.#used)
      this.#buffer()
      this.#pieces.push({ content, start, size: part, at: this.#used, expected })
      start += part
      yield* this.#advance(part)
    }
  }

  *zeros(size: number): Generator<FillJob> {
    for (let left = size; left > 0; ) {
      const part = Math.min(left, BATCH_SIZE - this.#used)
      this.#buffer().fill(0, this.#used, this.#used + part)
      left -= part
      yield* this.#advance(part)
    }
  }

  /** Zeros up to the next block. */
  *toBlock(): Generator<FillJob> {
    yield* this.zeros(alignUp(this.#used, BLOCK_SIZE) - this.#used)
  }

  *end(): Generator<FillJob> {
    yield* this.toBlock()
    if (this.#used > 0) yield this.#job()
  }

  #buffer(): Uint8Array<SharedArrayBuffer> {
    this.#bytes ??= new Uint8Array(this.#stock.take())
    return this.#bytes
  }

  *#advance(size: number): Generator<FillJob> {
    this.#used += size
    if (this.#used === BATCH_SIZE) yield this.#job()
  }

  #job(): FillJob {
    const job: FillJob = {
      kind: 'fill',
      salt: this.#salt,
      buffer: this.#buffer().buffer,
      size: this.#used,
      pieces: packPieces(this.#pieces),
    }
    this.#bytes = undefined
    this.#pieces = []
    this.#used = 0
    return job
  }
}
