/**
 * Examines a whole file system as strictly as our own images deserve.
 *
 * Readers tolerate much: bytes hidden in gaps, wrong link counts, distances that only matter when
 * seeking. Here everything is compared with what it must be, and all content is decoded. An image
 * can be sound for Linux and still have problems here.
 */

import type { Source } from '../../../bytes/source.ts'
import { FormatError } from '../../../errors.ts'
import {
  COMPAT,
  LAYOUT,
  MAX_VOLUME_NAME,
  MapHeader,
  SUPERBLOCK_OFFSET,
  storedInodeCount,
} from '../layout.ts'
import type { Inode } from '../read/decode-inode.ts'
import { endOfIndex } from '../read/decode-lclusters.ts'
import { readXattrArea } from '../read/decode-xattrs.ts'
import { bodyStart } from '../read/extent.ts'
import { endOfChunkMap } from '../read/map-chunks.ts'
import { endOfRecords } from '../read/map-encoded-extents.ts'
import { mapExtents } from '../read/map-extents.ts'
import { readMapHeader } from '../read/map-header.ts'
import { openErofs } from '../read/open.ts'
import { readPieces } from '../read/read-data.ts'
import { openVolume, type Volume } from '../read/volume.ts'
import { walkTree } from '../read/walk.ts'
import { readXattrPrefixes, type XattrPrefixes } from '../read/xattr-prefixes.ts'
import { checkIndex } from './check-index.ts'
import { checkRegions, type Region } from './regions.ts'

/** Something that is not as it must be. */
export interface ErofsProblem {
  /** Byte offset in the image, where one can be named. */
  readonly offset: number | undefined
  readonly message: string
}

/** Problems reported before the rest is given up. */
const MAX_PROBLEMS = 100

/** Everything wrong with the file system that fills `source`; empty for a sound one. */
export async function checkErofs(source: Source): Promise<readonly ErofsProblem[]> {
  const problems: ErofsProblem[] = []
  try {
    for await (const problem of findProblems(source)) {
      problems.push(problem)
      if (problems.length === MAX_PROBLEMS) break
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    problems.push({ offset: error.offset, message: error.message })
  }
  return problems
}

/** An inode and the names that lead to it. */
interface Found {
  readonly inode: Inode
  names: number
  subdirectories: number
}

async function* findProblems(source: Source): AsyncGenerator<ErofsProblem> {
  const { root } = await openErofs(source)
  const volume = await openVolume(source)
  yield* checkSuperblock(volume)

  const found = new Map<number, Found>()
  for await (const { inode, parent } of walkTree(volume, root)) {
    const known = found.get(inode.nid) ?? { inode, names: 0, subdirectories: 0 }
    found.set(inode.nid, known)
    known.names++
    const above = parent && found.get(parent.nid)
    if (above && inode.kind === 'directory') above.subdirectories++
  }
  const { inos } = volume.fields
  // The packed inode has no name and is counted by some writers only.
  const counts = [found.size, storedInodeCount(found.size)].map(BigInt)
  if (!counts.includes(inos) && !volume.packed) {
    yield problem(`the superblock counts ${inos} inodes, there are ${found.size}`)
  }

  const regions: Region[] = [
    { start: SUPERBLOCK_OFFSET, end: volume.compression.end, owner: 'superblock', shared: false },
  ]
  const prefixes = await readXattrPrefixes(volume)
  if (prefixes.end > prefixes.start) {
    const { start, end } = prefixes
    regions.push({ start, end, owner: 'xattr prefixes', shared: false })
  }
  for (const { inode, names, subdirectories } of found.values()) {
    const links = inode.kind === 'directory' ? 2 + subdirectories : names
    if (inode.nlink !== links) {
      const message = `inode ${inode.nid} says it has ${inode.nlink} links, there are ${links}`
      yield { offset: inode.offset, message }
    }
    yield* await attempt(checkXattrs(volume, prefixes, inode, regions))
    yield* await attempt(checkData(volume, inode, regions))
  }
  if (volume.packed) {
    yield* await attempt(checkXattrs(volume, prefixes, volume.packed, regions))
    yield* await attempt(checkData(volume, volume.packed, regions))
  }
  yield* checkRegions(source, regions)
}

/** What `check` finds; where it fails, that is one more problem and the others go on. */
async function attempt(check: Promise<readonly ErofsProblem[]>): Promise<readonly ErofsProblem[]> {
  try {
    return await check
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return [{ offset: error.offset, message: error.message }]
  }
}

function* checkSuperblock({ fields, blocks, blockSize, source }: Volume): Generator<ErofsProblem> {
  if (blocks * blockSize !== source.size) {
    yield problem(
      `the superblock counts ${blocks} blocks of ${blockSize}, the size is ${source.size}`,
    )
  }
  const { volumeName } = fields
  const end = volumeName.indexOf(0)
  if (end < 0) yield problem(`the label has more than ${MAX_VOLUME_NAME} bytes`)
  else if (volumeName.subarray(end).some((byte) => byte !== 0)) {
    yield problem('there are bytes behind the end of the label')
  }
  if (fields.reserved !== 0 || fields.reserved2 !== 0n) {
    yield problem('a reserved field of the superblock is not zero')
  }
}

async function checkXattrs(
  volume: Volume,
  prefixes: XattrPrefixes,
  inode: Inode,
  regions: Region[],
): Promise<readonly ErofsProblem[]> {
  const owner = `inode ${inode.nid}`
  regions.push({ start: inode.offset, end: inode.bodyOffset, owner, shared: false })
  const { nameFilter, entries } = await readXattrArea(volume, prefixes, inode)
  for (const { offset, size, name, shared } of entries) {
    const owner = `shared xattr ${name}`
    if (shared) regions.push({ start: offset, end: offset + size, owner, shared })
  }
  const hasFilter = (volume.fields.featureCompat & COMPAT.XATTR_FILTER) !== 0
  if (hasFilter || nameFilter === 0) return []
  return [{ offset: inode.offset, message: `${owner} has a name filter that is not announced` }]
}

/** Decodes all content, and notes where it and the tables that lead to it lie. */
async function checkData(
  volume: Volume,
  inode: Inode,
  regions: Region[],
): Promise<readonly ErofsProblem[]> {
  if (inode.size === 0) return []
  const owner = `inode ${inode.nid}`
  const table = await findTable(volume, inode)
  if (table) regions.push({ ...table, owner: `the index of ${owner}`, shared: false })
  let last: Region | undefined
  for await (const extent of mapExtents(volume, inode)) {
    if (extent.kind === 'hole' || extent.kind === 'fragment') continue
    const start = extent.address
    const end = start + (extent.kind === 'raw' ? extent.size : extent.encodedSize)
    const shared = !extent.inline
    // One region for clusters that follow each other keeps the list as short as the files are many.
    if (last && last.end === start && last.shared === shared) {
      last = { ...last, end }
      regions[regions.length - 1] = last
    } else {
      last = { start, end, owner: `the content of ${owner}`, shared }
      regions.push(last)
    }
  }
  for await (const _ of readPieces(volume, inode)) {
    // Reading decodes, and decoding checks.
  }
  return []
}

/** The bytes of the chunk map or index of an inode, with the padding in front of it. */
async function findTable(
  volume: Volume,
  inode: Inode,
): Promise<{ start: number; end: number } | undefined> {
  const start = inode.bodyOffset
  switch (inode.layout) {
    case LAYOUT.FLAT_PLAIN:
    case LAYOUT.FLAT_INLINE:
      return undefined
    case LAYOUT.CHUNK_BASED:
      return { start, end: endOfChunkMap(volume, inode) }
  }
  const map = await readMapHeader(volume, inode)
  switch (map.kind) {
    case 'fragment':
      return { start, end: bodyStart(inode, MapHeader.size) + MapHeader.size }
    case 'extents':
      return { start, end: endOfRecords(inode, map) }
    case 'lclusters':
      await checkIndex(volume, inode, map)
      return { start, end: endOfIndex(inode, map) }
  }
}

function problem(message: string): ErofsProblem {
  return { offset: SUPERBLOCK_OFFSET, message }
}
