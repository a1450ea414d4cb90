/**
 * The index of a compressed file: one entry per lcluster, in one of two encodings.
 *
 * Full: 8 bytes each. Compact: packs of 2 or 16 bit fields around one base block, from which the
 * blocks of all heads in the pack are counted. Any run of entries can be decoded on its own.
 *
 * Facts: Linux `fs/erofs/zmap.c`.
 */

import { alignDown } from '../../../bytes/align.ts'
import { readRange } from '../../../bytes/source.ts'
import { viewOf } from '../../../bytes/struct.ts'
import {
  ADVISE,
  D0_CBLKCNT,
  EROFS,
  FULL_INDEX_PADDING,
  LAYOUT,
  LCLUSTER_PARTIAL_REF,
  LCLUSTER_TYPE,
  LCLUSTER_TYPE_MASK,
  LclusterIndex,
  PACK_2B,
  PACK_4B,
  PACK_TYPE_SHIFT,
} from '../layout.ts'
import type { Inode } from './decode-inode.ts'
import { badInode } from './extent.ts'
import type { CompressedMap } from './map-header.ts'
import type { Volume } from './volume.ts'

export type LclusterMap = Extract<CompressedMap, { kind: 'lclusters' }>

const FIRST_BATCH = 64
const LAST_BATCH = 2048

/** One entry of the index. */
export interface Lcluster {
  /** A value of `LCLUSTER_TYPE`. */
  readonly type: number
  /** Heads: where in the lcluster the extent starts. */
  readonly clusterofs: number
  /** Heads: first block of the cluster. */
  readonly block: number
  /** NONHEAD: blocks of the cluster before it, where the entry says. */
  readonly blocks: number | undefined
  /** NONHEAD: lclusters back to the head, where the entry says; readers seek with it. */
  readonly delta0: number | undefined
  /** NONHEAD: lclusters forward to the next head, where the entry says. */
  readonly delta1: number | undefined
  /** Heads: the extent is a prefix of what its cluster decodes to. */
  readonly partial: boolean
}

/** Number of entries in the index. */
export function countLclusters(inode: Inode, map: LclusterMap): number {
  return Math.ceil(inode.size / map.lclusterSize)
}

/** Byte offset behind the last entry: where the cluster of an inline tail lies. */
export function endOfIndex(inode: Inode, map: LclusterMap): number {
  const count = countLclusters(inode, map)
  if (inode.layout === LAYOUT.COMPRESSED_FULL) return fullOffset(map, count)
  const { offset, pack } = findPack(inode, map, count - 1)
  return offset + pack.size
}

/**
 * How many entries to read at once: few at first, as often only the extent at one place is wanted, then
 * more and more.
 */
export function* batchSizes(): Generator<number, never> {
  for (let size = FIRST_BATCH; ; size = Math.min(LAST_BATCH, 2 * size)) yield size
}

/** Entries `first` … `first + count - 1`; the caller keeps the range inside the index. */
export async function readLclusters(
  volume: Volume,
  inode: Inode,
  map: LclusterMap,
  first: number,
  count: number,
): Promise<Lcluster[]> {
  volume.budgets.entries.spend(count)
  const isFull = inode.layout === LAYOUT.COMPRESSED_FULL
  const last = first + count - 1
  const start = isFull ? fullOffset(map, first) : findPack(inode, map, first).offset
  const lastPack = isFull ? undefined : findPack(inode, map, last)
  const end = lastPack ? lastPack.offset + lastPack.pack.size : fullOffset(map, last + 1)
  const what = `the index of inode ${inode.nid}`
  const view = viewOf(await readRange(volume.metadata, start, end - start, EROFS, what))
  const entries: Lcluster[] = []
  if (isFull) {
    for (let at = 0; at < count; at++) entries.push(decodeFull(view, at * LclusterIndex.size))
  } else {
    for (let index = first; index <= last; ) {
      const { offset, pack, firstEntry } = findPack(inode, map, index)
      const decoded = decodePack(inode, map, view, offset - start, pack)
      const from = index - firstEntry
      for (const entry of decoded.slice(from, from + last - index + 1)) entries.push(entry)
      index = firstEntry + pack.entries
    }
  }
  for (const entry of entries) assertEntry(inode, map, entry)
  return entries
}

function fullOffset(map: LclusterMap, index: number): number {
  return map.offset + FULL_INDEX_PADDING + index * LclusterIndex.size
}

function decodeFull(view: DataView, offset: number): Lcluster {
  const { advise, clusterofs, blkaddr } = LclusterIndex.read(view, offset)
  const type = advise & LCLUSTER_TYPE_MASK
  const isHead = type !== LCLUSTER_TYPE.NONHEAD
  const delta0 = blkaddr & 0xffff
  const isCount = !isHead && (delta0 & D0_CBLKCNT) !== 0
  return {
    type,
    clusterofs,
    block: blkaddr,
    blocks: isCount ? delta0 & ~D0_CBLKCNT : undefined,
    delta0: isHead || isCount ? undefined : delta0,
    delta1: isHead ? undefined : blkaddr >>> 16,
    partial: (advise & LCLUSTER_PARTIAL_REF) !== 0,
  }
}

type Pack = typeof PACK_2B | typeof PACK_4B

/** The pack that holds entry `index`: packs of 16 start at a multiple of 32 bytes. */
function findPack(
  inode: Inode,
  map: LclusterMap,
  index: number,
): { offset: number; pack: Pack; firstEntry: number } {
  const total = countLclusters(inode, map)
  const leading = ((32 - (map.offset % 32)) / 4) & 7
  const narrow =
    map.advise & ADVISE.COMPACTED_2B && leading < total
      ? alignDown(total - leading, PACK_2B.entries)
      : 0
  const at = (offset: number, firstOfKind: number, pack: Pack) => {
    const skipped = Math.floor((index - firstOfKind) / pack.entries)
    return {
      offset: offset + skipped * pack.size,
      pack,
      firstEntry: firstOfKind + skipped * pack.entries,
    }
  }
  if (index < leading) return at(map.offset, 0, PACK_4B)
  const narrowOffset = map.offset + leading * 4
  if (index < leading + narrow) return at(narrowOffset, leading, PACK_2B)
  return at(narrowOffset + narrow * 2, leading + narrow, PACK_4B)
}

function decodePack(
  inode: Inode,
  map: LclusterMap,
  view: DataView,
  offset: number,
  pack: Pack,
): Lcluster[] {
  const shift = Math.max(PACK_TYPE_SHIFT, Math.log2(map.lclusterSize))
  if (shift > (pack === PACK_2B ? PACK_TYPE_SHIFT : PACK_4B.bits - 2)) {
    throw badInode(
      inode,
      `compact index with lclusters of ${map.lclusterSize} bytes`,
      'UNSUPPORTED',
    )
  }
  const isBig = (map.advise & ADVISE.BIG_PCLUSTER_1) !== 0
  const entries: Lcluster[] = []
  // Without big pclusters the base is the block before the first cluster of the pack.
  let block = view.getUint32(offset + pack.size - 4, true) + (isBig ? 0 : 1)
  let isCounted = true
  let headBlock = block
  for (let index = 0; index < pack.entries; index++) {
    const bit = index * pack.bits
    const field = view.getUint32(offset + (bit >> 3), true) >>> (bit & 7)
    const type = (field >>> shift) & LCLUSTER_TYPE_MASK
    const low = field & ((1 << shift) - 1)
    const isCount = type === LCLUSTER_TYPE.NONHEAD && (low & D0_CBLKCNT) !== 0
    const blocks = isCount ? low & ~D0_CBLKCNT : undefined
    if (type !== LCLUSTER_TYPE.NONHEAD) {
      // The head before this one said nothing about its size: it has one block.
      if (!isCounted) block++
      isCounted = false
      headBlock = block
    } else if (blocks !== undefined) {
      block += blocks
      isCounted = true
    }
    const isDelta = type === LCLUSTER_TYPE.NONHEAD && !isCount
    const isLast = index === pack.entries - 1
    entries.push({
      type,
      clusterofs: low,
      block: headBlock,
      blocks,
      // The last entry of a pack looks forward, the others look back.
      delta0: isDelta && !isLast ? low : undefined,
      delta1: isDelta && isLast ? low : undefined,
      partial: false,
    })
  }
  return entries
}

function assertEntry(inode: Inode, map: LclusterMap, entry: Lcluster): void {
  if (entry.type !== LCLUSTER_TYPE.NONHEAD) {
    if (entry.clusterofs >= map.lclusterSize) {
      throw badInode(inode, `an extent starts at ${entry.clusterofs} of an lcluster`)
    }
  } else if (entry.blocks !== undefined) {
    if ((map.advise & (ADVISE.BIG_PCLUSTER_1 | ADVISE.BIG_PCLUSTER_2)) === 0) {
      throw badInode(inode, 'a block count without big pclusters')
    }
  }
}
