/** Extents of flat files: consecutive blocks, and perhaps a tail behind the inode. */

import { LAYOUT } from '../layout.ts'
import type { Inode } from './decode-inode.ts'
import { badInode, type Extent } from './extent.ts'
import type { Volume } from './volume.ts'

/** The one or two extents of a file with layout FLAT_PLAIN or FLAT_INLINE. */
export function* mapFlat(volume: Volume, inode: Inode): Generator<Extent> {
  const { blockSize } = volume
  const { size, startBlock, bodyOffset } = inode
  const blocks = Math.ceil(size / blockSize)
  const stored = inode.layout === LAYOUT.FLAT_INLINE ? (blocks - 1) * blockSize : size
  if (stored > 0) {
    if (startBlock === undefined) yield { kind: 'hole', offset: 0, size: stored }
    else {
      const address = startBlock * blockSize
      yield { kind: 'raw', offset: 0, size: stored, address, inline: false }
    }
  }
  const tail = size - Math.max(stored, 0)
  if (tail > 0) {
    // The kernel maps one block for the tail and reads nothing behind it.
    if ((bodyOffset % blockSize) + tail > blockSize) {
      throw badInode(inode, `its inline tail of ${tail} bytes crosses a block`)
    }
    yield { kind: 'raw', offset: size - tail, size: tail, address: bodyOffset, inline: true }
  }
}
