/**
 * The data blocks: contents of files and long symlinks, in the order of the inventory. They come
 * first in the image, because where everything else goes depends on what they compress to.
 */

import { alignDown, alignUp } from '../../../bytes/align.ts'
import { BLOCK_SIZE } from '../../../formats/erofs/layout.ts'
import type { Content } from '../../../tree/model.ts'
import type { ChunkCompression, CompressJob, FillJob } from '../../pipeline/job.ts'
import { ordered } from '../../pipeline/ordered.ts'
import { packPieces } from '../../pipeline/pieces.ts'
import type { Pool } from '../../pipeline/pool.ts'
import { BATCH_SIZE, Batch, type BufferStock } from './batch.ts'
import { ContentCheck, type StoredPiece } from './content-check.ts'
import { findDuplicates, type Stored } from './duplicates.ts'
import type { Inode, Storage } from './inventory.ts'
import type { BlockSink } from './sink.ts'

export interface ContentsOptions {
  readonly salt: Uint8Array
  readonly compression: ChunkCompression | undefined
  /** Called with the bytes of content written so far. */
  readonly onProgress: (done: number) => void
}

/** Writes the contents of `inodes` to `sink` and notes in each where its content is. */
export async function writeContents(
  inodes: readonly Inode[],
  options: ContentsOptions,
  pool: Pool,
  stock: BufferStock,
  sink: BlockSink,
): Promise<void> {
  const { compression } = options
  const stored = [...storedContents(inodes, compression !== undefined)]
  const files = stored.filter(({ inode }) => inode.node.kind === 'file')
  // Progress says nothing of this yet, and is where an interruption is heard.
  const duplicates = await findDuplicates(files, options.salt, pool, () => options.onProgress(0))
  const firsts = stored.filter(({ inode }) => !duplicates.has(inode))
  if (compression) await compressContents(firsts, compression, options, pool, stock, sink)
  else await copyContents(firsts, options, pool, stock, sink)
  for (const [inode, first] of duplicates) {
    const { storage } = first
    inode.storage =
      storage.kind === 'inline' || storage.kind === 'plain'
        ? flatStorage(inode, storage.block)
        : storage
  }
  for (const inode of inodes) {
    const { kind } = inode.node
    if (
      (kind === 'file' || kind === 'symlink') &&
      inode.storage.kind === 'none' &&
      inode.size > 0
    ) {
      inode.storage = flatStorage(inode, 0)
    }
  }
}

/** How flat content of an inode is stored when its whole blocks start at `block`. */
export function flatStorage(inode: Inode, block: number): Storage {
  const tail = inode.size % BLOCK_SIZE
  // A tail that cannot stand behind its inode in one block gets a block of its own.
  if (tail === 0 || inode.headSize + tail > BLOCK_SIZE) return { kind: 'plain', block }
  return { kind: 'inline', block: inode.size < BLOCK_SIZE ? 0 : block, tail }
}

/** Blocks that flat content of an inode takes besides its inline tail. */
export function flatBlocks(inode: Inode): number {
  const storage = flatStorage(inode, 0)
  const size = storage.kind === 'inline' ? inode.size - storage.tail : inode.size
  return Math.ceil(size / BLOCK_SIZE)
}

/** Everything that needs data blocks. */
function* storedContents(inodes: readonly Inode[], compressing: boolean): Generator<Stored> {
  for (const inode of inodes) {
    const content = contentOf(inode)
    if (!content) continue
    const chunked = compressing && inode.size > BLOCK_SIZE
    const blocks = chunked ? Math.ceil(inode.size / BLOCK_SIZE) : flatBlocks(inode)
    if (blocks > 0) yield { inode, content, blocks }
  }
}

/** The bytes an inode stores, of those whose bytes are known before the layout is. */
export function contentOf({ node }: Inode): Content | undefined {
  if (node.kind === 'file') return node.content
  if (node.kind === 'symlink') {
    return { kind: 'bytes', size: node.target.length, bytes: node.target }
  }
  return undefined
}

async function copyContents(
  stored: readonly Stored[],
  options: ContentsOptions,
  pool: Pool,
  stock: BufferStock,
  sink: BlockSink,
): Promise<void> {
  let done = 0
  const check = new ContentCheck(stored)
  for await (const { item, result } of ordered(
    copyJobs(stored, options.salt, stock, sink.nextBlock),
    pool.window,
    (job) => pool.run(job),
  )) {
    check.takeBlocks(result.digests)
    await sink.append(result)
    done += item.size
    options.onProgress(done)
  }
}

function* copyJobs(
  stored: readonly Stored[],
  salt: Uint8Array,
  stock: BufferStock,
  firstBlock: number,
): Generator<FillJob> {
  const batch = new Batch(stock, salt)
  let block = firstBlock
  for (const { inode, content, blocks } of stored) {
    inode.storage = flatStorage(inode, block)
    yield* batch.content(content, 0, Math.min(inode.size, blocks * BLOCK_SIZE))
    yield* batch.toBlock()
    block += blocks
  }
  yield* batch.end()
}

interface CompressWork {
  readonly job: CompressJob
  readonly parts: readonly StoredPiece[]
}

async function compressContents(
  stored: readonly Stored[],
  compression: ChunkCompression,
  options: ContentsOptions,
  pool: Pool,
  stock: BufferStock,
  sink: BlockSink,
): Promise<void> {
  let done = 0
  const check = new ContentCheck(stored)
  for await (const { item, result } of ordered(
    compressJobs(stored, compression, options.salt, stock),
    pool.window,
    ({ job }) => pool.run(job),
  )) {
    check.takePieces(item.parts, result.hashed)
    noteChunks(item, result.chunks, sink.nextBlock)
    await sink.append(result)
    done += item.parts.reduce((sum, { size }) => sum + size, 0)
    options.onProgress(done)
  }
  for (const { inode } of stored) {
    const { storage } = inode
    // Where no chunk became smaller, the blocks are a plain copy already.
    if (storage.kind === 'compressed' && storage.chunks.every((blocks) => blocks < 0)) {
      inode.storage = { kind: 'plain', block: storage.block }
    }
  }
}

/** Pieces are cut at multiples of the chunk size, so the cut changes no byte of the image. */
function* compressJobs(
  stored: readonly Stored[],
  compression: ChunkCompression,
  salt: Uint8Array,
  stock: BufferStock,
): Generator<CompressWork> {
  let parts: StoredPiece[] = []
  let used = 0
  const job = (): CompressWork => {
    const buffer = stock.take()
    const pieces = packPieces(parts)
    const hashed = Uint8Array.from(parts, ({ stored }) => (stored.inode.fingerprint ? 1 : 0))
    const work: CompressWork = {
      job: { kind: 'compress', salt, buffer, compression, pieces, hashed },
      parts,
    }
    parts = []
    used = 0
    return work
  }
  for (const each of stored) {
    const { inode, content } = each
    for (let start = 0; start < inode.size; ) {
      const rest = inode.size - start
      const room = BATCH_SIZE - used
      const size = alignUp(rest, BLOCK_SIZE) <= room ? rest : alignDown(room, compression.chunkSize)
      if (size > 0) {
        parts.push({ stored: each, content, start, size, at: 0 })
        used += alignUp(size, BLOCK_SIZE)
        start += size
      }
      if (size === 0 || used === BATCH_SIZE) yield job()
    }
  }
  if (parts.length > 0) yield job()
}

/** Notes the chunks of a finished job, whose result starts at `firstBlock`. */
function noteChunks(work: CompressWork, chunks: Int32Array, firstBlock: number): void {
  const { chunkSize } = work.job.compression
  let block = firstBlock
  let next = 0
  for (const { stored, start, size } of work.parts) {
    const { inode } = stored
    const count = Math.ceil(size / chunkSize)
    const part = chunks.subarray(next, next + count)
    if (start === 0) {
      const all = new Int32Array(Math.ceil(inode.size / chunkSize))
      inode.storage = { kind: 'compressed', block, chunks: all }
    }
    if (inode.storage.kind === 'compressed') inode.storage.chunks.set(part, start / chunkSize)
    for (const blocks of part) block += Math.abs(blocks)
    next += count
  }
}
