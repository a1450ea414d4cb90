/**
 * The content of one compressed cluster.
 *
 * Streams end at the end of their blocks; zeros fill the front of the first block. Facts: Linux
 * `fs/erofs/decompressor*.c`.
 */

import { concat } from '../../../bytes/concat.ts'
import { readRange } from '../../../bytes/source.ts'
import { ALGORITHM, EROFS, INCOMPAT } from '../layout.ts'
import type { Inode } from './decode-inode.ts'
import { decompress } from './decompress.ts'
import { badInode, type EncodedExtent } from './extent.ts'
import type { Volume } from './volume.ts'

/**
 * The `extent.size` bytes of content of `extent`.
 *
 * @throws FormatError where the stream is not sound or holds another number of bytes; UNSUPPORTED
 *   for LZMA.
 */
export async function readCluster(
  volume: Volume,
  inode: Inode,
  extent: EncodedExtent,
): Promise<Uint8Array> {
  const { address, encodedSize, algorithm, size } = extent
  const source = extent.inline ? volume.metadata : volume.source
  const what = `a cluster of inode ${inode.nid}`
  const stored = await readRange(source, address, encodedSize, EROFS, what)
  if (algorithm === 'interlaced') return rotate(volume, extent, stored)
  // Old LZ4 clusters start at the front, and what follows their stream is not zero.
  const isPadded = volume.has(INCOMPAT.ZERO_PADDING)
  if (!isPadded && algorithm === ALGORITHM.LZ4) return decompress(algorithm, stored, size, true)
  const start = streamStart(volume, inode, extent, stored)
  return decompress(algorithm, stored.subarray(start), size, extent.partial)
}

/** Everything up to the first byte that is not zero, which must come in the first block. */
function streamStart(
  volume: Volume,
  inode: Inode,
  { address }: EncodedExtent,
  stored: Uint8Array,
): number {
  const start = stored.findIndex((byte) => byte !== 0)
  const firstBlock = volume.blockSize - (address % volume.blockSize)
  if (start < 0 || start >= firstBlock) {
    throw badInode(inode, `the cluster at byte ${address} starts with a block of zeros`)
  }
  return start
}

/** The stored bytes start over at a block boundary of the file, so that pages keep their places. */
function rotate(volume: Volume, { offset, size }: EncodedExtent, stored: Uint8Array): Uint8Array {
  const head = Math.min(volume.blockSize - (offset % volume.blockSize), stored.length)
  const rotated = concat(stored.subarray(stored.length - head), stored)
  return rotated.subarray(0, size)
}
