/**
 * Extents of a compressed file that lists them directly (Linux 6.15): an array of records of 4 to
 * 32 bytes, each saying as much as its size allows.
 *
 * Facts: Linux `fs/erofs/zmap.c`, z_erofs_map_blocks_ext.
 */

import { readRange } from '../../../bytes/source.ts'
import { viewOf } from '../../../bytes/struct.ts'
import {
  ADVISE,
  EROFS,
  EXTENT_PLEN_FMT_SHIFT,
  EXTENT_PLEN_MASK,
  EXTENT_PLEN_PARTIAL,
  ExtentRecord,
} from '../layout.ts'
import type { Inode } from './decode-inode.ts'
import { badInode, type Extent } from './extent.ts'
import { assertAlgorithm, type CompressedMap } from './map-header.ts'
import { assertClusterSize } from './map-lclusters.ts'
import type { Volume } from './volume.ts'

type ExtentMap = Extract<CompressedMap, { kind: 'extents' }>

/** Records read at once. */
const BATCH = 1024

/** In front of the shortest records: the byte address of the first cluster. */
const START_ADDRESS_SIZE = 8

interface EncodedRecord {
  readonly plen: number
  readonly address: number
  /** Byte offset in the file. */
  readonly offset: number
}

/** Extents from the one that holds byte `from` on. */
export async function* mapEncodedExtents(
  volume: Volume,
  inode: Inode,
  map: ExtentMap,
  from: number,
): AsyncGenerator<Extent> {
  if (map.advise & ADVISE.INLINE_PCLUSTER) {
    throw badInode(inode, 'encoded extents with an inline cluster', 'UNSUPPORTED')
  }
  let previous: EncodedRecord | undefined
  for await (const record of readRecords(volume, inode, map, from)) {
    if (previous) {
      if (record.offset <= previous.offset) throw badInode(inode, 'its extents are out of order')
      if (record.offset > from) {
        yield closeRecord(volume, inode, map, previous, record.offset, false)
      }
    } else if (record.offset > from) throw badInode(inode, `no extent holds byte ${from}`)
    if (record.offset >= inode.size) throw badInode(inode, 'an extent starts behind its end')
    previous = record
  }
  if (!previous) throw badInode(inode, 'has no extents')
  yield closeRecord(volume, inode, map, previous, inode.size, true)
}

/** Records from one that starts at or before byte `from` on. */
async function* readRecords(
  volume: Volume,
  inode: Inode,
  map: ExtentMap,
  from: number,
): AsyncGenerator<EncodedRecord> {
  const { recordSize, lclusterSize } = map
  const hasOffsets = hasOwnOffsets(map)
  const total = countRecords(inode, map)
  const read = async (offset: number, size: number) =>
    viewOf(
      await readRange(volume.metadata, offset, size, EROFS, `the extents of inode ${inode.nid}`),
    )
  let array = map.offset
  let address: number | undefined
  let first = 0
  if (recordSize === 4) {
    address = await readAddress(inode, read, array)
    array += START_ADDRESS_SIZE
  } else if (hasOffsets) first = await findRecord(read, map, from)
  else first = Math.floor(from / lclusterSize)

  for (; first < total; first += BATCH) {
    const count = Math.min(BATCH, total - first)
    // The shortest records are read from the first one on, for each range of the packed inode.
    volume.budgets.extents.spend(count / 64)
    const view = await read(array + first * recordSize, count * recordSize)
    for (let index = 0; index < count; index++) {
      const at = index * recordSize
      const plen = view.getUint32(at, true)
      const offset = hasOffsets
        ? logicalStart(view, at, recordSize)
        : (first + index) * lclusterSize
      if (address === undefined) {
        yield { plen, address: physicalStart(view, at, recordSize), offset }
      } else {
        yield { plen, address, offset }
        address += plen & EXTENT_PLEN_MASK
      }
    }
  }
}

/** Byte offset behind the last record. */
export function endOfRecords(inode: Inode, map: ExtentMap): number {
  const start = map.offset + (map.recordSize === 4 ? START_ADDRESS_SIZE : 0)
  return start + countRecords(inode, map) * map.recordSize
}

function countRecords(inode: Inode, map: ExtentMap): number {
  return hasOwnOffsets(map) ? map.count : Math.ceil(inode.size / map.lclusterSize)
}

/** Whether records say which byte of the file they start at. */
function hasOwnOffsets({ recordSize }: ExtentMap): boolean {
  return recordSize >= ExtentRecord.offsets.lstartHi
}

type Read = (offset: number, size: number) => Promise<DataView>

async function readAddress(inode: Inode, read: Read, offset: number): Promise<number> {
  const address = (await read(offset, START_ADDRESS_SIZE)).getBigUint64(0, true)
  if (address > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw badInode(inode, `its extents start at ${address}`)
  }
  return Number(address)
}

/** Index of the last record that starts at or before byte `from`, or 0. */
async function findRecord(read: Read, map: ExtentMap, from: number): Promise<number> {
  let low = 0
  let high = map.count
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2)
    const view = await read(map.offset + middle * map.recordSize, map.recordSize)
    if (logicalStart(view, 0, map.recordSize) > from) high = middle
    else low = middle
  }
  return low
}

function physicalStart(view: DataView, at: number, recordSize: number): number {
  const { pstartLo, pstartHi } = ExtentRecord.offsets
  const high = recordSize > pstartHi ? view.getUint32(at + pstartHi, true) : 0
  return view.getUint32(at + pstartLo, true) + high * 2 ** 32
}

function logicalStart(view: DataView, at: number, recordSize: number): number {
  const { lstartLo, lstartHi } = ExtentRecord.offsets
  const high = recordSize > lstartHi ? view.getUint32(at + lstartHi, true) : 0
  return view.getUint32(at + lstartLo, true) + high * 2 ** 32
}

function closeRecord(
  volume: Volume,
  inode: Inode,
  map: ExtentMap,
  { plen, address, offset }: EncodedRecord,
  end: number,
  isLast: boolean,
): Extent {
  const size = end - offset
  if (isLast && map.advise & ADVISE.FRAGMENT_PCLUSTER) {
    const high = map.recordSize > 4 ? address : 0
    return { kind: 'fragment', offset, size, fragmentOffset: plen + high * 2 ** 32 }
  }
  const encodedSize = plen & EXTENT_PLEN_MASK
  if (encodedSize === 0) return { kind: 'hole', offset, size }
  const format = plen >>> EXTENT_PLEN_FMT_SHIFT
  const partial = (plen & EXTENT_PLEN_PARTIAL) !== 0
  const shared = { kind: 'encoded', offset, size, address, encodedSize, inline: false } as const
  if (format > 0) {
    assertClusterSize(inode, size, encodedSize)
    assertAlgorithm(volume, inode, format - 1)
    return { ...shared, algorithm: format - 1, partial }
  }
  if (size > encodedSize) {
    throw badInode(inode, `${size} bytes in a plain extent of ${encodedSize}`)
  }
  const isInterlaced = map.advise & ADVISE.INTERLACED_PCLUSTER && address % volume.blockSize === 0
  if (!isInterlaced) return { kind: 'raw', offset, size, address, inline: false }
  return { ...shared, algorithm: 'interlaced', partial: false }
}
