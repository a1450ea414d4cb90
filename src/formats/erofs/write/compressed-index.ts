/**
 * The compressed index of one file, layout 3 (`COMPRESSED_COMPACT`): which blocks hold which part
 * of the content, packed into two bytes per 4096 of content.
 *
 * Written for fixed-size input chunks whose blocks follow each other without gaps.
 * Facts: Linux `fs/erofs/zmap.c`, `Documentation/filesystems/erofs.rst`.
 */

import {
  ADVISE,
  BLOCK_SIZE,
  D0_CBLKCNT,
  LCLUSTER_TYPE,
  MAX_DELTA,
  MapHeader,
  PACK_2B,
  PACK_4B,
  PACK_TYPE_SHIFT,
} from '../layout.ts'

/** How one chunk of a file is stored. */
export interface StoredChunk {
  /** Bytes of content. */
  readonly size: number
  /** Blocks used. */
  readonly blocks: number
  /** False: the content as it is, one block per 4096 bytes. */
  readonly compressed: boolean
}

/** Layout 3 demands that both heads agree on big pclusters. */
const INDEX_ADVISE = ADVISE.COMPACTED_2B | ADVISE.BIG_PCLUSTER_1 | ADVISE.BIG_PCLUSTER_2

type Pack = typeof PACK_2B | typeof PACK_4B

interface Entry {
  readonly type: number
  /** The low 12 bits, unless the entry is the last of its pack and `lastLow` is given. */
  readonly low: number
  readonly lastLow?: number
  /** Block where the cluster of this entry starts; absent where the entry names none. */
  readonly block?: number
}

/** Size in bytes of the map header and index of a file of `size` bytes, starting at `start`. */
export function measureIndex(size: number, start: number): number {
  const header = headerOffset(start)
  let end = header + MapHeader.size
  for (const pack of packs(Math.ceil(size / BLOCK_SIZE), end)) end += pack.size
  return end - start
}

/**
 * The padding, map header and index that follow inode and attributes.
 *
 * @param chunks how the file is stored, in file order
 * @param firstBlock block of the first chunk; the others follow
 * @param algorithm number of the algorithm in `h_algorithmtype`
 * @param start offset of the first byte behind inode and attributes; only its value modulo 32 matters
 */
export function encodeIndex(
  chunks: readonly StoredChunk[],
  firstBlock: number,
  algorithm: number,
  start: number,
): Uint8Array {
  const size = chunks.reduce((sum, chunk) => sum + chunk.size, 0)
  const bytes = new Uint8Array(measureIndex(size, start))
  const view = new DataView(bytes.buffer)
  let offset = headerOffset(start) - start
  view.setUint16(offset + MapHeader.offsets.advise, INDEX_ADVISE, true)
  view.setUint8(offset + MapHeader.offsets.algorithmtype, algorithm)
  offset += MapHeader.size
  const entries = indexEntries(chunks, firstBlock)
  for (const pack of packs(Math.ceil(size / BLOCK_SIZE), start + offset)) {
    writePack(view, offset, pack, take(entries, pack.entries))
    offset += pack.size
  }
  return bytes
}

function headerOffset(start: number): number {
  return Math.ceil(start / 8) * 8
}

/** Wide packs up to the next 32-byte boundary, then narrow ones, then wide ones for the rest. */
function* packs(entries: number, start: number): Generator<Pack> {
  const leading = ((32 - (start % 32)) / 4) & 7
  const narrow =
    leading < entries ? Math.floor((entries - leading) / PACK_2B.entries) * PACK_2B.entries : 0
  for (let index = 0; index < entries; ) {
    const pack = narrow > 0 && index >= leading && index < leading + narrow ? PACK_2B : PACK_4B
    yield pack
    index += pack.entries
  }
}

/** One entry per 4096 bytes of content; one after the other, for a large file has millions. */
function* indexEntries(chunks: readonly StoredChunk[], firstBlock: number): Generator<Entry> {
  let block = firstBlock
  for (const chunk of chunks) {
    if (chunk.compressed) yield* compressedEntries(chunk, block)
    else {
      for (let index = 0; index < chunk.blocks; index++) {
        yield { type: LCLUSTER_TYPE.PLAIN, low: 0, block: block + index }
      }
    }
    block += chunk.blocks
  }
}

function* compressedEntries({ size, blocks }: StoredChunk, block: number): Generator<Entry> {
  const whole = Math.floor(size / BLOCK_SIZE)
  const rest = size % BLOCK_SIZE
  yield { type: LCLUSTER_TYPE.HEAD1, low: 0, block }
  for (let index = 1; index < whole; index++) {
    if (index === 1) yield { type: LCLUSTER_TYPE.NONHEAD, low: D0_CBLKCNT | blocks, block }
    else {
      const forward = Math.min(whole - index, MAX_DELTA)
      const low = Math.min(index, MAX_DELTA)
      yield { type: LCLUSTER_TYPE.NONHEAD, low, lastLow: forward }
    }
  }
  // Says only where the previous extent ends; block 0 is never read.
  if (rest > 0) yield { type: LCLUSTER_TYPE.PLAIN, low: rest, block: 0 }
}

/** The next `count` values, fewer at the end. */
function take<Value>(values: Iterator<Value>, count: number): Value[] {
  const taken: Value[] = []
  while (taken.length < count) {
    const { value, done } = values.next()
    if (done) break
    taken.push(value)
  }
  return taken
}

function writePack(view: DataView, offset: number, pack: Pack, entries: readonly Entry[]): void {
  let word = 0n
  entries.forEach((entry, index) => {
    const low = index === pack.entries - 1 ? (entry.lastLow ?? entry.low) : entry.low
    word |= BigInt((entry.type << PACK_TYPE_SHIFT) | low) << BigInt(pack.bits * index)
  })
  for (let at = 0; at < pack.size - 4; at += 4) {
    view.setUint32(offset + at, Number((word >> BigInt(at * 8)) & 0xffffffffn), true)
  }
  const base = entries.find((entry) => entry.block !== undefined)?.block ?? 0
  view.setUint32(offset + pack.size - 4, base, true)
}
