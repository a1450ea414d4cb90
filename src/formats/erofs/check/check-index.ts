/**
 * Whether the entries of a compressed index lead the kernel to the extents that reading it from
 * front to back gives: the kernel seeks with the distances in them.
 */

import { LCLUSTER_TYPE, MAX_DELTA } from '../layout.ts'
import type { Inode } from '../read/decode-inode.ts'
import {
  countLclusters,
  type Lcluster,
  type LclusterMap,
  readLclusters,
} from '../read/decode-lclusters.ts'
import { badInode } from '../read/extent.ts'
import type { Volume } from '../read/volume.ts'

const BATCH = 2048

/** @throws FormatError at the first distance that leads elsewhere. */
export async function checkIndex(volume: Volume, inode: Inode, map: LclusterMap): Promise<void> {
  const total = countLclusters(inode, map)
  let head = -1
  /** The lcluster that entries said is the next head. */
  let promised: number | undefined
  for (let first = 0; first < total; first += BATCH) {
    const entries = await readLclusters(volume, inode, map, first, Math.min(BATCH, total - first))
    for (const [at, entry] of entries.entries()) {
      const index = first + at
      if (entry.type !== LCLUSTER_TYPE.NONHEAD) {
        if (promised !== undefined && promised !== index) throw misled(inode, index)
        promised = undefined
        head = index
        continue
      }
      if (head < 0) throw badInode(inode, `no extent starts before lcluster ${index}`)
      promised = followDeltas(inode, entry, index, head, promised)
    }
  }
  if (promised !== undefined && promised !== total) throw misled(inode, total)
}

/** The lcluster where the next head must be, once an entry has said so. */
function followDeltas(
  inode: Inode,
  { delta0, delta1 }: Lcluster,
  index: number,
  head: number,
  promised: number | undefined,
): number | undefined {
  if (delta0 !== undefined && delta0 !== Math.min(index - head, MAX_DELTA)) {
    throw badInode(inode, `lcluster ${index} says its head is ${delta0} back, not ${index - head}`)
  }
  // A distance that does not fit leads to another entry of the same extent.
  if (delta1 === undefined || delta1 >= MAX_DELTA) return promised
  const next = index + delta1
  if (delta1 === 0 || (promised !== undefined && promised !== next)) throw misled(inode, index)
  return next
}

function misled(inode: Inode, index: number): Error {
  return badInode(inode, `its index leads to a wrong head near lcluster ${index}`)
}
