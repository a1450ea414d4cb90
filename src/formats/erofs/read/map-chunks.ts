/** Extents of chunk-based files: a table says for each chunk where it is, or that it is a hole. */

import { readRange } from '../../../bytes/source.ts'
import { viewOf } from '../../../bytes/struct.ts'
import {
  BLOCK_MAP_ENTRY_SIZE,
  CHUNK_FORMAT_48BIT,
  CHUNK_FORMAT_BLKBITS_MASK,
  CHUNK_FORMAT_INDEXES,
  ChunkIndex,
  EROFS,
  NULL_ADDR,
  NULL_ADDR_48,
} from '../layout.ts'
import type { Inode } from './decode-inode.ts'
import { badInode, bodyStart, type Extent } from './extent.ts'
import type { Volume } from './volume.ts'

/** Entries of the table read at once. */
const BATCH = 4096

interface ChunkMap {
  /** Byte offset of the first entry. */
  readonly offset: number
  readonly entrySize: number
  readonly chunkSize: number
  readonly chunks: number
  /** Entries have 48-bit blocks. */
  readonly wide: boolean
}

/** Extents from the chunk that holds byte `from` on. */
export async function* mapChunks(
  volume: Volume,
  inode: Inode,
  from: number,
): AsyncGenerator<Extent> {
  const { offset, entrySize, chunkSize, chunks, wide } = readFormat(volume, inode)
  const what = `the chunk map of inode ${inode.nid}`
  for (let first = Math.floor(from / chunkSize); first < chunks; first += BATCH) {
    const count = Math.min(BATCH, chunks - first)
    const start = offset + first * entrySize
    const view = viewOf(await readRange(volume.metadata, start, count * entrySize, EROFS, what))
    for (let index = 0; index < count; index++) {
      const position = (first + index) * chunkSize
      const size = Math.min(chunkSize, inode.size - position)
      const block =
        entrySize === ChunkIndex.size
          ? decodeChunkIndex(inode, view, index * entrySize, wide)
          : view.getUint32(index * entrySize, true)
      if (block === NULL_ADDR || block === NULL_ADDR_48) {
        yield { kind: 'hole', offset: position, size }
      } else {
        const address = block * volume.blockSize
        yield { kind: 'raw', offset: position, size, address, inline: false }
      }
    }
  }
}

/** Byte offset behind the last entry of the map. */
export function endOfChunkMap(volume: Volume, inode: Inode): number {
  const { offset, entrySize, chunks } = readFormat(volume, inode)
  return offset + chunks * entrySize
}

function readFormat(volume: Volume, inode: Inode): ChunkMap {
  const format = inode.u & 0xffff
  const chunkSize = volume.blockSize * 2 ** (format & CHUNK_FORMAT_BLKBITS_MASK)
  const entrySize = format & CHUNK_FORMAT_INDEXES ? ChunkIndex.size : BLOCK_MAP_ENTRY_SIZE
  return {
    offset: bodyStart(inode, entrySize),
    entrySize,
    chunkSize,
    chunks: Math.ceil(inode.size / chunkSize),
    wide: (format & CHUNK_FORMAT_48BIT) !== 0,
  }
}

function decodeChunkIndex(inode: Inode, view: DataView, offset: number, wide: boolean): number {
  const { deviceId, startblkHi, startblkLo } = ChunkIndex.read(view, offset)
  const block = startblkLo + (wide ? startblkHi * 2 ** 32 : 0)
  if (deviceId !== 0 && block !== NULL_ADDR && block !== NULL_ADDR_48) {
    throw badInode(inode, `a chunk lies on device ${deviceId}`, 'UNSUPPORTED')
  }
  return block
}
