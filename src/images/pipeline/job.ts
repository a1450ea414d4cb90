/**
 * One unit of work for a worker thread: read, compress, hash. A job carries everything it needs,
 * and its result depends on nothing else, so the image is the same for any number of threads.
 *
 * Buffers are shared and not transferred: the first buffer that leaves a thread makes V8 check for
 * detached buffers ever after in that thread, and compression a seventh slower.
 */

import type { PackedPieces } from './pieces.ts'

/** Fill a buffer with pieces; what is between them is already there. */
export interface FillJob {
  readonly kind: 'fill'
  readonly salt: Uint8Array
  readonly buffer: SharedArrayBuffer
  /** Bytes of the buffer that count: whole blocks. */
  readonly size: number
  readonly pieces: PackedPieces
}

/** How file content is compressed. */
export interface ChunkCompression {
  readonly algorithm: 'lz4' | 'zstd'
  readonly level: number
  /** Bytes of content compressed on their own: a power of two. */
  readonly chunkSize: number
}

/** Compress pieces chunk by chunk, one behind the other. */
export interface CompressJob {
  readonly kind: 'compress'
  readonly salt: Uint8Array
  /** Large enough for all pieces stored plain, each rounded up to blocks. */
  readonly buffer: SharedArrayBuffer
  readonly compression: ChunkCompression
  readonly pieces: PackedPieces
  /** 1 for each piece whose own blocks are hashed besides those that are stored. */
  readonly hashed: Uint8Array
}

/** Hash a range of a file and keep only the digests. */
export interface HashJob {
  readonly kind: 'hash'
  readonly salt: Uint8Array
  /** A descriptor that stays open: all jobs read the very file that was opened. */
  readonly file: number
  /** Its name, for errors. */
  readonly path: string
  /** Byte range, whole blocks. */
  readonly start: number
  readonly size: number
}

/** Hash the blocks of pieces, each at most {@link MAX_PIECE} bytes, to find equal contents. */
export interface DigestJob {
  readonly kind: 'digest'
  readonly salt: Uint8Array
  readonly pieces: PackedPieces
}

/** Bytes of content that a thread takes into its memory at once. */
export const MAX_PIECE = 1024 * 1024

export type Job = FillJob | CompressJob | HashJob | DigestJob

export interface JobResult {
  /** The buffer of the job, to write from and to use again; empty where it had none. */
  readonly buffer: SharedArrayBuffer
  /** Bytes of the buffer that are the result: whole blocks. */
  readonly size: number
  /**
   * 32 bytes for each block: of the result, of the file of a hash job, of the pieces of a digest
   * job. The last block of a piece is hashed as if zeros followed.
   */
  readonly digests: Uint8Array<ArrayBuffer>
  /** Of a compress job: the digests of the pieces that `hashed` names, one behind the other. */
  readonly hashed: Uint8Array<ArrayBuffer>
  /** Of a compress job: blocks of each chunk, negative where it is stored plain. */
  readonly chunks: Int32Array
}
