/** Directories, shared attributes and inodes: everything behind the data blocks. */

import { alignUp } from '../../../bytes/align.ts'
import { concat } from '../../../bytes/concat.ts'
import {
  BLOCK_SIZE,
  FILE_TYPE,
  INODE_SLOT_SIZE,
  LAYOUT,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_IFSOCK,
} from '../../../formats/erofs/layout.ts'
import {
  encodeIndex,
  measureIndex,
  type StoredChunk,
} from '../../../formats/erofs/write/compressed-index.ts'
import { encodeDirectory } from '../../../formats/erofs/write/encode-directory.ts'
import { encodeDevice, encodeInode } from '../../../formats/erofs/write/encode-inode.ts'
import {
  algorithmNumber,
  type CompressionRecord,
  SUPERBLOCK_END,
} from '../../../formats/erofs/write/encode-superblock.ts'
import { type InodeSize, placeInodes } from '../../../formats/erofs/write/place-inodes.ts'
import type { TreeNode } from '../../../tree/model.ts'
import type { ChunkCompression, FillJob } from '../../pipeline/job.ts'
import type { Batch } from './batch.ts'
import { contentOf, flatBlocks, flatStorage } from './contents.ts'
import type { Inode, Inventory } from './inventory.ts'

/** Where the parts behind the data are; all blocks count from the start of the file system. */
export interface MetadataLayout {
  readonly xattrBlock: number
  readonly metaBlock: number
  /** Offset of each inode in the inode area, in the order of the inventory. */
  readonly offsets: readonly number[]
  /** Blocks of the whole file system. */
  readonly blocks: number
}

export interface MetadataOptions {
  readonly epoch: number
  readonly compression: ChunkCompression | undefined
}

/** The first slot stays empty: nid 0 would be inode number 0, which C libraries drop. */
const FIRST_OFFSET = INODE_SLOT_SIZE

/** Decides where everything goes behind the data, which ends at `nextBlock`. */
export function layOutMetadata(
  { inodes, shared }: Inventory,
  nextBlock: number,
  options: MetadataOptions,
): MetadataLayout {
  let block = nextBlock
  for (const inode of inodes) {
    if (inode.node.kind !== 'directory') continue
    const blocks = flatBlocks(inode)
    inode.storage = flatStorage(inode, blocks > 0 ? block : 0)
    block += blocks
  }
  const sizes = inodes.map((inode) => inodeSizes(inode, options))
  if (block === 1 && shared.bytes.length === 0) {
    const single = placeInodes(sizes, SUPERBLOCK_END)
    if (single.size <= BLOCK_SIZE) {
      return { xattrBlock: 0, metaBlock: 0, offsets: single.offsets, blocks: 1 }
    }
  }
  const xattrBlock = shared.bytes.length > 0 ? block : 0
  const metaBlock = block + Math.ceil(shared.bytes.length / BLOCK_SIZE)
  const { offsets, size } = placeInodes(sizes, FIRST_OFFSET)
  return { xattrBlock, metaBlock, offsets, blocks: metaBlock + Math.ceil(size / BLOCK_SIZE) }
}

function inodeSizes({ headSize, size, storage }: Inode, options: MetadataOptions): InodeSize {
  if (storage.kind === 'compressed' && options.compression) {
    return { head: headSize + measureIndex(size, headSize), tail: 0 }
  }
  return { head: headSize, tail: storage.kind === 'inline' ? storage.tail : 0 }
}

/** Directory blocks and shared attributes, which stand in front of the inode area. */
export function* writeBeforeInodes(
  { inodes, shared }: Inventory,
  layout: MetadataLayout,
  batch: Batch,
): Generator<FillJob> {
  for (const inode of inodes) {
    if (inode.node.kind !== 'directory') continue
    const size = flatBlocks(inode) * BLOCK_SIZE
    if (size === 0) continue
    yield* batch.bytes(directoryBytes(inode, layout).subarray(0, size))
    yield* batch.toBlock()
  }
  yield* batch.bytes(shared.bytes)
  yield* batch.toBlock()
}

/** The inode area from offset `start` on, whose bytes before that are somebody else's. */
export function* writeInodes(
  { inodes }: Inventory,
  layout: MetadataLayout,
  options: MetadataOptions,
  start: number,
  batch: Batch,
): Generator<FillJob> {
  const order = inodes.map((_, index) => index)
  order.sort((a, b) => layout.offsets[a]! - layout.offsets[b]!)
  let offset = start
  for (const index of order) {
    const inode = inodes[index]!
    yield* batch.zeros(layout.offsets[index]! - offset)
    const head = inodeBytes(inode, options)
    yield* batch.bytes(head)
    offset = layout.offsets[index]! + head.length
    if (inode.storage.kind !== 'inline') continue
    const { tail } = inode.storage
    const content = contentOf(inode)
    const expected = inode.fingerprint?.last
    if (content) yield* batch.content(content, inode.size - tail, tail, expected)
    else yield* batch.bytes(directoryBytes(inode, layout).subarray(inode.size - tail))
    offset += tail
  }
}

/** An inode with its attributes and, where it has one, its compressed index. */
function inodeBytes(inode: Inode, options: MetadataOptions): Uint8Array {
  const { metadata } = inode.node
  const chunks = storedChunks(inode, options.compression)
  const head = encodeInode(
    {
      mode: TYPES[inode.node.kind].mode | metadata.mode,
      uid: metadata.uid,
      gid: metadata.gid,
      nlink: inode.links,
      size: inode.size,
      mtime: metadata.mtime,
      ino: inode.number,
      layout: LAYOUTS[inode.storage.kind],
      xattrSize: inode.xattrs.length,
      u: unionField(inode, chunks),
    },
    options.epoch,
  )
  if (!options.compression || inode.storage.kind !== 'compressed') {
    return inode.xattrs.length > 0 ? concat(head, inode.xattrs) : head
  }
  const algorithm = algorithmNumber(options.compression.algorithm)
  const index = encodeIndex(chunks, inode.storage.block, algorithm, inode.headSize)
  return concat(head, inode.xattrs, index)
}

function unionField({ node, storage }: Inode, chunks: readonly StoredChunk[]): number {
  if (node.kind === 'character-device' || node.kind === 'block-device') {
    return encodeDevice(node.major, node.minor)
  }
  if (storage.kind === 'none') return 0
  if (storage.kind === 'compressed') return chunks.reduce((sum, { blocks }) => sum + blocks, 0)
  return storage.block
}

function storedChunks(inode: Inode, compression: ChunkCompression | undefined): StoredChunk[] {
  if (!compression || inode.storage.kind !== 'compressed') return []
  const { chunkSize } = compression
  return Array.from(inode.storage.chunks, (blocks, index) => ({
    size: Math.min(chunkSize, inode.size - index * chunkSize),
    blocks: Math.abs(blocks),
    compressed: blocks > 0,
  }))
}

function directoryBytes(inode: Inode, layout: MetadataLayout): Uint8Array {
  const nid = (of: Inode) => layout.offsets[of.number - 1]! / INODE_SLOT_SIZE
  const entries = inode.children.map(({ name, inode: child }) => ({
    name,
    nid: nid(child),
    fileType: TYPES[child.node.kind].fileType,
  }))
  return encodeDirectory(entries, nid(inode), nid(inode.parent ?? inode))
}

/** What the superblock must say about the compressed inodes, if there are any. */
export function compressionRecord(
  { inodes }: Inventory,
  compression: ChunkCompression | undefined,
): CompressionRecord | undefined {
  let largest = 0
  for (const { storage } of inodes) {
    if (storage.kind !== 'compressed') continue
    for (const blocks of storage.chunks) largest = Math.max(largest, blocks)
  }
  if (!compression || largest === 0) return undefined
  return compression.algorithm === 'lz4'
    ? { algorithm: 'lz4', maxClusterBlocks: largest }
    : { algorithm: 'zstd', windowLog: Math.log2(compression.chunkSize) }
}

/** Blocks the metadata can take at most, whatever the contents compress to. */
export function metadataBound({ inodes, shared }: Inventory): number {
  let bytes = alignUp(shared.bytes.length, BLOCK_SIZE) + 2 * BLOCK_SIZE
  for (const { headSize, size, node } of inodes) {
    const index = node.kind === 'file' ? measureIndex(size, headSize) : 0
    const directory = node.kind === 'directory' ? alignUp(size, BLOCK_SIZE) : 0
    bytes += headSize + index + directory + BLOCK_SIZE
  }
  return Math.ceil(bytes / BLOCK_SIZE)
}

const LAYOUTS = {
  none: LAYOUT.FLAT_PLAIN,
  plain: LAYOUT.FLAT_PLAIN,
  inline: LAYOUT.FLAT_INLINE,
  compressed: LAYOUT.COMPRESSED_COMPACT,
} as const

const TYPES: Record<TreeNode['kind'], { readonly mode: number; readonly fileType: number }> = {
  directory: { mode: S_IFDIR, fileType: FILE_TYPE.DIR },
  file: { mode: S_IFREG, fileType: FILE_TYPE.REG_FILE },
  symlink: { mode: S_IFLNK, fileType: FILE_TYPE.SYMLINK },
  'character-device': { mode: S_IFCHR, fileType: FILE_TYPE.CHRDEV },
  'block-device': { mode: S_IFBLK, fileType: FILE_TYPE.BLKDEV },
  fifo: { mode: S_IFIFO, fileType: FILE_TYPE.FIFO },
  socket: { mode: S_IFSOCK, fileType: FILE_TYPE.SOCK },
}
