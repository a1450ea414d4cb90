/** The map header in front of the indexes of a compressed file. */

import { readRange } from '../../../bytes/source.ts'
import { decode, viewOf } from '../../../bytes/struct.ts'
import {
  ADVISE,
  ADVISE_EXTRECSZ_MASK,
  ADVISE_EXTRECSZ_SHIFT,
  CLUSTERBITS_FRAGMENT_INODE,
  CLUSTERBITS_MASK,
  EROFS,
  INCOMPAT,
  LAYOUT,
  MapHeader,
} from '../layout.ts'
import type { Inode } from './decode-inode.ts'
import { badInode, bodyStart } from './extent.ts'
import type { Volume } from './volume.ts'

/** What a compressed file consists of. */
export type CompressedMap =
  | {
      readonly kind: 'fragment'
      /** Byte offset of the whole file in the packed inode. */
      readonly fragmentOffset: number
    }
  | {
      readonly kind: 'extents'
      /** Byte offset of the array of records. */
      readonly offset: number
      /** 4, 8, 16 or 32. */
      readonly recordSize: number
      /** Number of records, where records carry their own position. */
      readonly count: number
      /** Bytes of content per record, where they do not. */
      readonly lclusterSize: number
      readonly advise: number
    }
  | {
      readonly kind: 'lclusters'
      /** Byte offset behind the map header. */
      readonly offset: number
      readonly lclusterSize: number
      readonly advise: number
      /** Algorithms of HEAD1 and HEAD2. */
      readonly algorithms: readonly [number, number]
      /** Bytes of the last cluster, with ADVISE.INLINE_PCLUSTER. */
      readonly inlineSize: number
      /** Low half of the place of the tail in the packed inode, with ADVISE.FRAGMENT_PCLUSTER. */
      readonly fragmentOffset: number
    }

export async function readMapHeader(volume: Volume, inode: Inode): Promise<CompressedMap> {
  const start = bodyStart(inode, MapHeader.size)
  const bytes = await readRange(
    volume.metadata,
    start,
    MapHeader.size,
    EROFS,
    `the map header of inode ${inode.nid}`,
  )
  const header = decode(MapHeader, bytes)
  if (header.clusterbits & CLUSTERBITS_FRAGMENT_INODE) {
    const fragmentOffset = viewOf(bytes).getBigUint64(0, true) & 0x7fffffffffffffffn
    if (fragmentOffset > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw badInode(inode, `its fragment starts at ${fragmentOffset}`)
    }
    return { kind: 'fragment', fragmentOffset: Number(fragmentOffset) }
  }
  const { advise } = header
  const offset = start + MapHeader.size
  const lclusterSize = volume.blockSize * 2 ** (header.clusterbits & CLUSTERBITS_MASK)
  if (inode.layout === LAYOUT.COMPRESSED_FULL && advise & ADVISE.EXTENTS) {
    if (!volume.has(INCOMPAT.FORTY_EIGHT_BIT)) {
      throw badInode(inode, 'has encoded extents, which the superblock does not announce')
    }
    const recordSize = 4 << ((advise >> ADVISE_EXTRECSZ_SHIFT) & ADVISE_EXTRECSZ_MASK)
    return {
      kind: 'extents',
      offset: Math.ceil(offset / recordSize) * recordSize,
      recordSize,
      // The 16 bits above are the cluster size of short records, and never a count of theirs.
      count: header.fragmentoff + (header.algorithmtype | (header.clusterbits << 8)) * 2 ** 32,
      lclusterSize,
      advise,
    }
  }
  assertBigPclusters(volume, inode, advise)
  const algorithms = [header.algorithmtype & 0xf, header.algorithmtype >> 4] as const
  return {
    kind: 'lclusters',
    offset,
    lclusterSize,
    advise,
    algorithms,
    inlineSize: header.fragmentoff >>> 16,
    fragmentOffset: header.fragmentoff,
  }
}

/** Refuses an algorithm that the superblock does not announce, as the kernel does. */
export function assertAlgorithm(volume: Volume, inode: Inode, algorithm: number): void {
  if ((volume.compression.available & (1 << algorithm)) === 0) {
    throw badInode(inode, `algorithm ${algorithm} is not among those of the superblock`)
  }
}

function assertBigPclusters(volume: Volume, inode: Inode, advise: number): void {
  const big = advise & (ADVISE.BIG_PCLUSTER_1 | ADVISE.BIG_PCLUSTER_2)
  if (big && !volume.has(INCOMPAT.BIG_PCLUSTER)) {
    throw badInode(inode, 'has big pclusters, which the superblock does not announce')
  }
  const both = ADVISE.BIG_PCLUSTER_1 | ADVISE.BIG_PCLUSTER_2
  if (inode.layout === LAYOUT.COMPRESSED_COMPACT && big !== 0 && big !== both) {
    throw badInode(inode, 'its two kinds of heads disagree about big pclusters')
  }
}
