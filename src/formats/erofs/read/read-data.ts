/** File content: streamed in pieces, or a range of it at once. */

import { readRange } from '../../../bytes/source.ts'
import { EROFS } from '../layout.ts'
import { readCluster } from './decode-cluster.ts'
import type { Inode } from './decode-inode.ts'
import { badInode, type Extent } from './extent.ts'
import { mapExtents } from './map-extents.ts'
import type { Volume } from './volume.ts'

/** Bytes read at once from uncompressed files. A piece is never larger than a decoded cluster. */
const PIECE_SIZE = 1024 * 1024

const ZEROS = new Uint8Array(64 * 1024)

/** Some content and its byte offset in the file. */
export interface Piece {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** The content of bytes `from` … `to - 1` in order, without the holes. */
export async function* readPieces(
  volume: Volume,
  inode: Inode,
  from = 0,
  to = inode.size,
): AsyncGenerator<Piece> {
  for await (const extent of mapExtents(volume, inode, from)) {
    if (extent.offset >= to) return
    const start = Math.max(from, extent.offset)
    const end = Math.min(to, extent.offset + extent.size)
    yield* readExtent(volume, inode, extent, start, end)
  }
}

/** The whole content in order, zeros for holes. */
export async function* readContent(volume: Volume, inode: Inode): AsyncGenerator<Uint8Array> {
  let done = 0
  for await (const { offset, bytes } of readPieces(volume, inode)) {
    yield* zeros(offset - done)
    yield bytes
    done = offset + bytes.length
  }
  yield* zeros(inode.size - done)
}

/**
 * Exactly `size` bytes of content from `offset`, of a directory, symlink or table; the caller keeps
 * them inside the file and memory.
 */
export async function readAt(
  volume: Volume,
  inode: Inode,
  offset: number,
  size: number,
): Promise<Uint8Array> {
  const result = new Uint8Array(size)
  const metadata = { ...volume, isMetadata: true }
  for await (const piece of readPieces(metadata, inode, offset, offset + size)) {
    result.set(piece.bytes, piece.offset - offset)
  }
  return result
}

/** Bytes `start` … `end - 1` of the file, all inside `extent`. */
async function* readExtent(
  volume: Volume,
  inode: Inode,
  extent: Extent,
  start: number,
  end: number,
): AsyncGenerator<Piece> {
  switch (extent.kind) {
    case 'hole':
      return
    case 'raw': {
      const source = extent.inline ? volume.metadata : volume.source
      for (let offset = start; offset < end; offset += PIECE_SIZE) {
        const size = Math.min(PIECE_SIZE, end - offset)
        const address = extent.address + offset - extent.offset
        const what = `the content of inode ${inode.nid}`
        if (!volume.isMetadata) volume.budgets.content.spend(size)
        yield { offset, bytes: await readRange(source, address, size, EROFS, what) }
      }
      return
    }
    case 'encoded': {
      if (!volume.isMetadata) volume.budgets.content.spend(end - start)
      const content = await volume.clusters.get(extent, () => {
        if (volume.isMetadata) volume.budgets.decoded.spend(extent.size)
        else volume.budgets.wasted.spend(extent.size - (end - start))
        return readCluster(volume, inode, extent)
      })
      const bytes = content.subarray(start - extent.offset, end - extent.offset)
      yield { offset: start, bytes }
      return
    }
    case 'fragment': {
      const { packed } = volume
      if (!packed) throw badInode(inode, 'is a fragment of a packed inode that does not exist')
      const shift = extent.fragmentOffset - extent.offset
      if (extent.fragmentOffset + extent.size > packed.size) {
        throw badInode(inode, `its fragment ends behind the packed inode of ${packed.size} bytes`)
      }
      // The packed inode must not consist of fragments of itself.
      const inner = { ...volume, packed: undefined }
      for await (const piece of readPieces(inner, packed, start + shift, end + shift)) {
        yield { offset: piece.offset - shift, bytes: piece.bytes }
      }
    }
  }
}

function* zeros(size: number): Generator<Uint8Array> {
  for (let left = size; left > 0; left -= ZEROS.length) {
    yield ZEROS.subarray(0, Math.min(left, ZEROS.length))
  }
}
