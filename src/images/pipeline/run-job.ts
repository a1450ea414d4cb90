/** What a thread does with a job. */

import { createHash } from 'node:crypto'
import { alignUp } from '../../bytes/align.ts'
import { type ChunkEncoder, createChunkEncoder } from '../../compression/chunk-encoder.ts'
import {
  type BlockHasher,
  type BlockReader,
  createBlockHasher,
  createBlockReader,
} from '../../crypto/salted-blocks.ts'
import { BLOCK_SIZE } from '../../formats/erofs/layout.ts'
import { DIGEST_SIZE } from '../../formats/verity/hash-tree.ts'
import type {
  ChunkCompression,
  CompressJob,
  FillJob,
  FingerprintJob,
  HashJob,
  Job,
  JobResult,
} from './job.ts'
import { unpackPieces } from './pieces.ts'
import { readBlocks, readContent, readWhole } from './read-content.ts'

const SCRATCH_SIZE = 1024 * 1024
/** Blocks read at once to be hashed: they should still be in the cache by then. */
const READER_BLOCKS = 64
const NO_BUFFER = new SharedArrayBuffer(0)
const NO_CHUNKS = new Int32Array(0)

// Kept between jobs: they are costly to make and belong to this thread alone.
let scratch: Uint8Array | undefined
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
    case 'fingerprint':
      return fingerprint(job)
  }
}

function fill({ buffer, size, salt, pieces }: FillJob): JobResult {
  const bytes = new Uint8Array(buffer)
  for (const { content, start, size, at } of unpackPieces(pieces)) {
    readContent(content, start, bytes.subarray(at, at + size))
  }
  return { buffer, size, digests: hashBlocks(bytes.subarray(0, size), salt), chunks: NO_CHUNKS }
}

/** EROFS right-aligns a compressed chunk in its blocks; what does not shrink is stored as it is. */
function compress(job: CompressJob, encode: ChunkEncoder): JobResult {
  const { buffer, salt, pieces } = job
  const { chunkSize } = job.compression
  const output = new Uint8Array(buffer)
  const input = takeScratch()
  const chunks: number[] = []
  let used = 0
  for (const { content, start, size } of unpackPieces(pieces)) {
    readContent(content, start, input.subarray(0, size))
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
  return { buffer, size: used, digests, chunks: Int32Array.from(chunks) }
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

function hashRange({ file, start, size, salt }: HashJob): JobResult {
  if (!reader || !sameBytes(reader.salt, salt)) {
    reader = { salt, memory: createBlockReader(salt, READER_BLOCKS) }
  }
  const { blocks, hash } = reader.memory
  const count = size / BLOCK_SIZE
  const digests = new Uint8Array(count * DIGEST_SIZE)
  for (let done = 0; done < count; done += READER_BLOCKS) {
    const part = Math.min(READER_BLOCKS, count - done)
    readBlocks(file, start + done * BLOCK_SIZE, blocks.slice(0, part))
    hash(part, digests, done * DIGEST_SIZE)
  }
  return { buffer: NO_BUFFER, size, digests, chunks: NO_CHUNKS }
}

function fingerprint({ contents }: FingerprintJob): JobResult {
  const digests = new Uint8Array(contents.length * DIGEST_SIZE)
  contents.forEach((content, index) => {
    const hash = createHash('sha256')
    readWhole(content, takeScratch(), (bytes) => {
      hash.update(bytes)
    })
    digests.set(hash.digest(), index * DIGEST_SIZE)
  })
  return { buffer: NO_BUFFER, size: 0, digests, chunks: NO_CHUNKS }
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

function takeScratch(size = SCRATCH_SIZE): Uint8Array {
  if (!scratch || scratch.length < size) scratch = new Uint8Array(Math.max(size, SCRATCH_SIZE))
  return scratch
}

async function encoderFor({ algorithm, level }: ChunkCompression): Promise<ChunkEncoder> {
  const key = `${algorithm} ${level}`
  const encoder = encoders.get(key) ?? (await createChunkEncoder(algorithm, level))
  encoders.set(key, encoder)
  return encoder
}
