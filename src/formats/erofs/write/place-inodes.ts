/**
 * Where each inode goes in the inode area.
 *
 * An inode with its attributes and indexes may cross blocks; an inline tail may not. What a tail
 * leaves free at the end of a block is given to a later inode that fits it best, so the result
 * depends only on sizes and order.
 */

import { alignUp } from '../../../bytes/align.ts'
import { BLOCK_SIZE, INODE_SLOT_SIZE } from '../layout.ts'

/** Bytes an inode needs. */
export interface InodeSize {
  /** Inode, attributes and indexes. */
  readonly head: number
  /** Inline data right behind them; must not cross a block. */
  readonly tail: number
}

export interface Placement {
  /** Byte offset of each inode from the start of the area, in the order given. */
  readonly offsets: readonly number[]
  /** Bytes from the start of the area to the end of the last inode. */
  readonly size: number
}

const SLOTS_PER_BLOCK = BLOCK_SIZE / INODE_SLOT_SIZE

/**
 * Places `inodes` from byte `start` of the area on. The first one is always at `start`.
 *
 * @throws RangeError where an inode and its tail together exceed a block.
 */
export function placeInodes(inodes: Iterable<InodeSize>, start: number): Placement {
  const offsets: number[] = []
  const gaps = new Gaps()
  let cursor = start
  for (const { head, tail } of inodes) {
    const size = alignUp(head + tail, INODE_SLOT_SIZE)
    const gap = size < BLOCK_SIZE ? gaps.take(size) : undefined
    if (gap !== undefined) {
      offsets.push(gap)
      continue
    }
    const offset = firstFit(cursor, head, tail)
    if (offset > cursor) gaps.add(cursor, offset)
    offsets.push(offset)
    cursor = offset + size
  }
  return { offsets, size: cursor }
}

/** The first slot from `cursor` on where `tail` bytes behind `head` bytes stay inside one block. */
function firstFit(cursor: number, head: number, tail: number): number {
  if (tail === 0) return cursor
  if (head + tail > BLOCK_SIZE) {
    throw new RangeError(`an inline tail of ${tail} bytes behind ${head} bytes crosses a block`)
  }
  return ((cursor + head) % BLOCK_SIZE) + tail <= BLOCK_SIZE ? cursor : alignUp(cursor, BLOCK_SIZE)
}

/** Free runs of slots inside one block each, found by size. */
class Gaps {
  /** Offsets of free runs, by their length in slots. */
  readonly #byLength: number[][] = Array.from({ length: SLOTS_PER_BLOCK + 1 }, () => [])

  add(start: number, end: number): void {
    const length = (end - start) / INODE_SLOT_SIZE
    if (length > 0) this.#byLength[length]?.push(start)
  }

  /** Takes `size` bytes out of the smallest run that holds them; the newest of equals. */
  take(size: number): number | undefined {
    for (let length = size / INODE_SLOT_SIZE; length <= SLOTS_PER_BLOCK; length++) {
      const offset = this.#byLength[length]?.pop()
      if (offset === undefined) continue
      this.add(offset + size, offset + length * INODE_SLOT_SIZE)
      return offset
    }
    return undefined
  }
}
