/** What a thread does with a job. */

import { alignUp } from '../../bytes/align.ts'
import { concat } from '../../bytes/concat.ts'
import { equalBytes } from '../../bytes/equal.ts'
import { type ChunkEncoder, createChunkEncoder } from '../../compression/chunk-encoder.ts'
import {
  type BlockHasher,
  type BlockReader,
  createBlockHasher,
  createBlockReader,
} from '../../crypto/salted-blocks.ts'
import { BLOCK_SIZE } from '../../formats/erofs/layout.ts'
import { DIGEST_SIZE } from '../../formats/verity/hash-tree.ts'
import {
  type ChunkCompression,
  type CompressJob,
  type DigestJob,
  type FillJob,
  type HashJob,
  type Job,
  type JobResult,
  MAX_PIECE,
} from './job.ts'
import { unpackPieces } from './pieces.ts'
import { contentChanged, readBlocks, readContent } from './read-content.ts'

/** Blocks read at once to be hashed: they should still be in the cache by then. */
const READER_BLOCKS = 64
const NO_BUFFER = new SharedArrayBuffer(0)
const NO_CHUNKS = new Int32Array(0)
const NO_DIGESTS = new Uint8Array(0)

// Kept between jobs: they are costly to make and belong to this thread alone.
let scratch: Uint8Array | undefined
const lastBlock = new Uint8Array(BLOCK_SIZE)
let reader: { readonly salt: Uint8Array; readonly memory: BlockReader } | undefined
let hasher: { readonly salt: Uint8Array; readonly hash: BlockHasher } | undefined
const encoders = new Map<string, ChunkEncoder>()

/** Does ahead of the first job, while there is nothing else to do, what compressing needs. */
export async function prepareThread(compression: ChunkCompression): Promise<void> {
  await encoderFor(compression)
  if (compression.algorithm === 'lz4') {
    const { warmUpLz4 } = await import('../../compression/lz4-warm-up.ts')
    warmUpLz4()
  }
}

/** @throws TreeError, FileError where something cannot be read as it was seen before. */
export async function runJob(job: Job): Promise<JobResult> {
  switch (job.kind) {
    case 'fill':
      return fill(job)
    case 'compress':
      return compress(job, await encoderFor(job.compression))
    case 'hash':
      return hashRange(job)
    case 'digest':
      return digest(job)
  }
}

function fill({ buffer, size, salt, pieces }: FillJob): JobResult {
  const bytes = new Uint8Array(buffer)
  for (const { content, start, size, at, expected } of unpackPieces(pieces)) {
    const target = bytes.subarray(at, at + size)
    readContent(content, start, target)
    if (expected && !equalBytes(hashPiece(target, salt), expected)) throw contentChanged(content)
  }
  const digests = hashBlocks(bytes.subarray(0, size), salt)
  return { buffer, size, digests, hashed: NO_DIGESTS, chunks: NO_CHUNKS }
}

/** EROFS right-aligns a compressed chunk in its blocks; what does not shrink is stored as it is. */
function compress(job: CompressJob, encode: ChunkEncoder): JobResult {
  const { buffer, salt, pieces, hashed } = job
  const { chunkSize } = job.compression
  const output = new Uint8Array(buffer)
  const input = takeScratch()
  const chunks: number[] = []
  const inputDigests: Uint8Array[] = []
  let used = 0
  let index = 0
  for (const { content, start, size } of unpackPieces(pieces)) {
    readContent(content, start, input.subarray(0, size))
    if (hashed[index++]) inputDigests.push(hashPiece(input.subarray(0, size), salt))
    for (let from = 0; from < size; from += chunkSize) {
      const chunk = input.subarray(from, Math.min(from + chunkSize, size))
      const plain = Math.ceil(chunk.length / BLOCK_SIZE)
      const limit = compressedLimit(chunk.length)
      const encoded = limit > 0 ? encode(chunk, limit) : undefined
      const area = output.subarray(used)
      if (encoded) {
        const size = alignUp(encoded.length, BLOCK_SIZE)
        area.fill(0, 0, size - encoded.length)
        area.set(encoded, size - encoded.length)
        chunks.push(size / BLOCK_SIZE)
        used += size
      } else {
        area.set(chunk)
        area.fill(0, chunk.length, plain * BLOCK_SIZE)
        chunks.push(-plain)
        used += plain * BLOCK_SIZE
      }
    }
  }
  const digests = hashBlocks(output.subarray(0, used), salt)
  const ofPieces = inputDigests.length > 0 ? concat(...inputDigests) : NO_DIGESTS
  return { buffer, size: used, digests, hashed: ofPieces, chunks: Int32Array.from(chunks) }
}

/**
 * Most bytes a chunk may be encoded to: fewer blocks than it takes as it is, and a single one
 * where the index has no entry that could hold a count.
 */
function compressedLimit(size: number): number {
  const whole = Math.floor(size / BLOCK_SIZE)
  if (whole === 0) return 0
  const blocks = Math.ceil(size / BLOCK_SIZE) - 1
  return (whole === 1 ? Math.min(blocks, 1) : blocks) * BLOCK_SIZE
}

function hashRange({ file, path, start, size, salt }: HashJob): JobResult {
  if (!reader || !sameBytes(reader.salt, salt)) {
    reader = { salt, memory: createBlockReader(salt, READER_BLOCKS) }
  }
  const { blocks, hash } = reader.memory
  const count = size / BLOCK_SIZE
  const digests = new Uint8Array(count * DIGEST_SIZE)
  for (let done = 0; done < count; done += READER_BLOCKS) {
    const part = Math.min(READER_BLOCKS, count - done)
    readBlocks({ file, path }, start + done * BLOCK_SIZE, blocks.slice(0, part))
    hash(part, digests, done * DIGEST_SIZE)
  }
  return { buffer: NO_BUFFER, size, digests, hashed: NO_DIGESTS, chunks: NO_CHUNKS }
}

function digest({ pieces, salt }: DigestJob): JobResult {
  const input = takeScratch()
  const all: Uint8Array[] = []
  for (const { content, start, size } of unpackPieces(pieces)) {
    readContent(content, start, input.subarray(0, size))
    all.push(hashPiece(input.subarray(0, size), salt))
  }
  const digests = concat(...all)
  return { buffer: NO_BUFFER, size: 0, digests, hashed: NO_DIGESTS, chunks: NO_CHUNKS }
}

/** The digests of the blocks of `bytes`, of which the last may end early. */
function hashPiece(bytes: Uint8Array, salt: Uint8Array): Uint8Array<ArrayBuffer> {
  const rest = bytes.length % BLOCK_SIZE
  if (rest === 0) return hashBlocks(bytes, salt)
  const whole = bytes.length - rest
  lastBlock.fill(0, rest)
  lastBlock.set(bytes.subarray(whole))
  return concat(hashBlocks(bytes.subarray(0, whole), salt), hashBlocks(lastBlock, salt))
}

function hashBlocks(bytes: Uint8Array, salt: Uint8Array): Uint8Array<ArrayBuffer> {
  if (hasher?.salt !== salt && !sameBytes(hasher?.salt, salt)) {
    hasher = { salt, hash: createBlockHasher(salt) }
  }
  const digests = new Uint8Array((bytes.length / BLOCK_SIZE) * DIGEST_SIZE)
  hasher?.hash(bytes, digests, 0)
  return digests
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0
}

function takeScratch(): Uint8Array {
  scratch ??= new Uint8Array(MAX_PIECE)
  return scratch
}

async function encoderFor({ algorithm, level }: ChunkCompression): Promise<ChunkEncoder> {
  const key = `${algorithm} ${level}`
  const encoder = encoders.get(key) ?? (await createChunkEncoder(algorithm, level))
  encoders.set(key, encoder)
  return encoder
}
