/**
 * Extents of a compressed file with an index of lclusters.
 *
 * An extent starts where a PLAIN or HEAD entry says and ends where the next one starts. Facts:
 * Linux `fs/erofs/zmap.c`.
 */

import { ADVISE, LAYOUT, LCLUSTER_TYPE, PCLUSTER_MAX_DSIZE, PCLUSTER_MAX_SIZE } from '../layout.ts'
import type { Inode } from './decode-inode.ts'
import {
  batchSizes,
  countLclusters,
  endOfIndex,
  type Lcluster,
  type LclusterMap,
  readLclusters,
} from './decode-lclusters.ts'
import { badInode, type Extent } from './extent.ts'
import { assertAlgorithm } from './map-header.ts'
import type { Volume } from './volume.ts'

/** A head whose extent has not ended yet. */
interface OpenExtent {
  readonly entry: Lcluster
  readonly index: number
  readonly offset: number
  /** The entry behind the head, where it belongs to the same extent. */
  next: Lcluster | undefined
}

/** Extents from the one that holds byte `from` on. */
export async function* mapLclusters(
  volume: Volume,
  inode: Inode,
  map: LclusterMap,
  from: number,
): AsyncGenerator<Extent> {
  const total = countLclusters(inode, map)
  const start = await findHead(volume, inode, map, from)
  let open: OpenExtent | undefined
  const sizes = batchSizes()
  for (let first = start, count = 0; first < total; first += count) {
    count = Math.min(sizes.next().value, total - first)
    const entries = await readLclusters(volume, inode, map, first, count)
    for (const [at, entry] of entries.entries()) {
      const index = first + at
      if (entry.type === LCLUSTER_TYPE.NONHEAD) {
        if (!open) throw badInode(inode, `no extent starts before lcluster ${index}`)
        if (index === open.index + 1) open.next = entry
        continue
      }
      const offset = index * map.lclusterSize + entry.clusterofs
      // A head behind the end of the file says only where the extent before it ends.
      if (offset >= inode.size) break
      if (open) yield closeExtent(volume, inode, map, open, offset, false)
      else if (index === 0 && offset !== 0) throw badInode(inode, 'its first extent starts late')
      open = { entry, index, offset, next: undefined }
    }
  }
  if (open) yield closeExtent(volume, inode, map, open, inode.size, true)
}

/** The lcluster in which the extent that holds byte `from` starts. */
async function findHead(
  volume: Volume,
  inode: Inode,
  map: LclusterMap,
  from: number,
): Promise<number> {
  const target = Math.floor(from / map.lclusterSize)
  if (target === 0) return 0
  // An extent longer than this is refused anyway.
  const reach = Math.ceil(PCLUSTER_MAX_DSIZE / map.lclusterSize) + 1
  const lowest = Math.max(0, target - reach)
  let end = target + 1
  for (const size of batchSizes()) {
    const first = Math.max(lowest, end - size)
    const entries = await readLclusters(volume, inode, map, first, end - first)
    for (const [back, entry] of entries.reverse().entries()) {
      if (entry.type === LCLUSTER_TYPE.NONHEAD) continue
      const index = end - 1 - back
      if (index * map.lclusterSize + entry.clusterofs <= from) return index
    }
    if (first === lowest) break
    end = first
  }
  throw badInode(inode, `no extent starts before byte ${from}`)
}

/** Blocks of the cluster of `open`: one, unless the entry behind the head counts them. */
function clusterBlocks(inode: Inode, map: LclusterMap, { entry, next, index }: OpenExtent): number {
  if (!next) return 1
  if (next.blocks !== undefined) return next.blocks
  const isBig =
    (entry.type === LCLUSTER_TYPE.HEAD1 && map.advise & ADVISE.BIG_PCLUSTER_1) ||
    (entry.type === LCLUSTER_TYPE.HEAD2 && map.advise & ADVISE.BIG_PCLUSTER_2)
  if (isBig) throw badInode(inode, `no block count behind the head in lcluster ${index}`)
  return 1
}

function closeExtent(
  volume: Volume,
  inode: Inode,
  map: LclusterMap,
  open: OpenExtent,
  end: number,
  isLast: boolean,
): Extent {
  const { entry, offset } = open
  const size = end - offset
  if (isLast && map.advise & ADVISE.FRAGMENT_PCLUSTER) {
    // The full layout has room for the high half of the place.
    const high = inode.layout === LAYOUT.COMPRESSED_FULL ? entry.block : 0
    return { kind: 'fragment', offset, size, fragmentOffset: map.fragmentOffset + high * 2 ** 32 }
  }
  const inline = isLast && (map.advise & ADVISE.INLINE_PCLUSTER) !== 0
  const address = inline ? endOfIndex(inode, map) : entry.block * volume.blockSize
  const encodedSize = inline ? map.inlineSize : clusterBlocks(inode, map, open) * volume.blockSize
  if (inline && (address % volume.blockSize) + encodedSize > volume.blockSize) {
    throw badInode(inode, `its inline cluster of ${encodedSize} bytes crosses a block`)
  }
  if (entry.type === LCLUSTER_TYPE.PLAIN) {
    if (size > encodedSize) {
      throw badInode(inode, `${size} bytes in a plain cluster of ${encodedSize}`)
    }
    if ((map.advise & ADVISE.INTERLACED_PCLUSTER) === 0) {
      return { kind: 'raw', offset, size, address, inline }
    }
  }
  const shared = { kind: 'encoded', offset, size, address, encodedSize, inline } as const
  assertClusterSize(inode, size, encodedSize)
  if (entry.type === LCLUSTER_TYPE.PLAIN) {
    return { ...shared, algorithm: 'interlaced', partial: false }
  }
  const algorithm = map.algorithms[entry.type === LCLUSTER_TYPE.HEAD1 ? 0 : 1]
  assertAlgorithm(volume, inode, algorithm)
  return { ...shared, algorithm, partial: entry.partial }
}

/** Refuses clusters that the kernel would refuse, before memory is reserved for them. */
export function assertClusterSize(inode: Inode, size: number, encodedSize: number): void {
  if (size > PCLUSTER_MAX_DSIZE || encodedSize > PCLUSTER_MAX_SIZE || encodedSize === 0) {
    throw badInode(inode, `a cluster of ${encodedSize} bytes holds ${size}`, 'TOO_LARGE')
  }
}
