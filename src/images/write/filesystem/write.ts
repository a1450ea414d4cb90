/**
 * A tree as an EROFS file system, written in one pass: data blocks, directory blocks, shared
 * attributes, inodes, and block 0 at the end, when all of it is known.
 */

import { BLOCK_SIZE, INODE_SLOT_SIZE } from '../../../formats/erofs/layout.ts'
import { encodeBlock0, SUPERBLOCK_END } from '../../../formats/erofs/write/encode-superblock.ts'
import type { DirectoryNode } from '../../../tree/model.ts'
import type { ChunkCompression, FillJob } from '../../pipeline/job.ts'
import { ordered } from '../../pipeline/ordered.ts'
import type { Pool } from '../../pipeline/pool.ts'
import { Batch, type BufferStock } from './batch.ts'
import { writeContents } from './contents.ts'
import { type Inventory, takeInventory } from './inventory.ts'
import {
  compressionRecord,
  layOutMetadata,
  type MetadataLayout,
  type MetadataOptions,
  metadataBound,
  writeBeforeInodes,
  writeInodes,
} from './metadata.ts'
import type { BlockSink } from './sink.ts'

export interface FilesystemOptions {
  /** Salt of the dm-verity digests that come with each block. */
  readonly salt: Uint8Array
  /** UUID of the file system. */
  readonly uuid: string
  /** Time in seconds of the superblock and of most inodes. */
  readonly epoch: number
  readonly compression: ChunkCompression | undefined
  readonly onProgress?: (done: number, total: number) => void
}

/** A file system that is ready to be written. */
export interface FilesystemPlan {
  readonly inventory: Inventory
  /** Blocks the file system cannot exceed. */
  readonly maxBlocks: number
  /** Bytes of content of all files. */
  readonly contentSize: number
}

export function planFilesystem(root: DirectoryNode, epoch: number): FilesystemPlan {
  const inventory = takeInventory(root, epoch)
  let contentSize = 0
  let dataBlocks = 0
  for (const { node, size } of inventory.inodes) {
    if (node.kind === 'file') contentSize += size
    if (node.kind === 'file' || node.kind === 'symlink') dataBlocks += Math.ceil(size / BLOCK_SIZE)
  }
  return { inventory, contentSize, maxBlocks: dataBlocks + metadataBound(inventory) }
}

/** Writes the file system to `sink` and returns block 0, which the caller writes last. */
export async function writeFilesystem(
  { inventory, contentSize }: FilesystemPlan,
  options: FilesystemOptions,
  pool: Pool,
  stock: BufferStock,
  sink: BlockSink,
): Promise<Uint8Array> {
  const { salt, epoch, compression } = options
  const onProgress = (done: number) => options.onProgress?.(done, contentSize)
  await writeContents(inventory.inodes, { salt, compression, onProgress }, pool, stock, sink)

  const layout = layOutMetadata(inventory, sink.nextBlock, { epoch, compression })
  const jobs = metadataJobs(inventory, layout, { epoch, compression }, new Batch(stock, salt))
  let block0 = new Uint8Array(BLOCK_SIZE)
  for await (const { result } of ordered(jobs, pool.window, (job) => pool.run(job))) {
    if (layout.metaBlock > 0) await sink.append(result)
    else block0 = besideSuperblock(result.buffer)
  }
  return encodeBlock0(
    {
      inodes: inventory.inodes.length,
      blocks: layout.blocks,
      epoch,
      rootNid: layout.offsets[0]! / INODE_SLOT_SIZE,
      metaBlock: layout.metaBlock,
      xattrBlock: layout.xattrBlock,
      uuid: options.uuid,
      compression: compressionRecord(inventory, compression),
    },
    block0,
  )
}

function* metadataJobs(
  inventory: Inventory,
  layout: MetadataLayout,
  options: MetadataOptions,
  batch: Batch,
): Generator<FillJob> {
  yield* writeBeforeInodes(inventory, layout, batch)
  const start = layout.metaBlock > 0 ? 0 : SUPERBLOCK_END
  yield* writeInodes(inventory, layout, options, start, batch)
  yield* batch.end()
}

/** Block 0 of a file system so small that its inodes stand in the same block. */
function besideSuperblock(inodes: SharedArrayBuffer): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK_SIZE)
  block.set(new Uint8Array(inodes, 0, BLOCK_SIZE - SUPERBLOCK_END), SUPERBLOCK_END)
  return block
}
