/**
 * Extended attributes of an inode: inline entries and shared ones.
 *
 * See "Extended attributes" in https://erofs.docs.kernel.org/en/latest/core_ondisk.html
 */

import { alignUp } from '../../../bytes/align.ts'
import { concat } from '../../../bytes/concat.ts'
import { readRange, type Source } from '../../../bytes/source.ts'
import { decode, viewOf } from '../../../bytes/struct.ts'
import { decodeUtf8, encodeUtf8 } from '../../../bytes/utf8.ts'
import {
  COMPAT,
  EROFS,
  XATTR_LONG_PREFIX,
  XATTR_PREFIX,
  XATTR_UNIT,
  XattrEntry,
  XattrIbodyHeader,
} from '../layout.ts'
import type { Inode } from './decode-inode.ts'
import { badInode } from './extent.ts'
import type { Volume } from './volume.ts'
import { findHiddenXattr } from './xattr-filter.ts'
import type { XattrPrefixes } from './xattr-prefixes.ts'

/** One attribute as stored. */
export interface StoredXattr {
  /** Full name. */
  readonly name: string
  /** Absolute byte offset of the entry. */
  readonly offset: number
  /** Absolute byte offset of the value, and its bytes. */
  readonly valueOffset: number
  readonly valueSize: number
  /** Bytes of the entry, with padding. */
  readonly size: number
  /** Lies in the area that several inodes refer to. */
  readonly shared: boolean
}

export interface XattrArea {
  /** Inverted Bloom filter of the names; 0 where there is none. */
  readonly nameFilter: number
  /** Shared ones first, each in the order stored. */
  readonly entries: readonly StoredXattr[]
}

/** Bytes that looking up an attribute elsewhere counts for. */
const SHARED_COST = 64

/** The value of an attribute that {@link readXattrArea} found. */
export async function readXattrValue(
  { metadata, budgets }: Volume,
  { valueOffset, valueSize, name }: StoredXattr,
): Promise<Uint8Array> {
  budgets.values.spend(valueSize)
  return (await readRange(metadata, valueOffset, valueSize, EROFS, `the value of ${name}`)).slice()
}

/**
 * The attributes of `inode` and where they lie. Values are not read: many inodes may share a long
 * one.
 *
 * @throws FormatError where the area is not sound, a name occurs twice, is not UTF-8 or is hidden.
 */
export async function readXattrArea(
  volume: Volume,
  prefixes: XattrPrefixes,
  inode: Inode,
): Promise<XattrArea> {
  if (inode.xattrSize === 0) return { nameFilter: 0, entries: [] }
  if (inode.xattrSize === XattrIbodyHeader.size) {
    throw badInode(inode, 'an xattr area without entries', 'UNSUPPORTED')
  }
  const start = inode.offset + inode.inodeSize
  const what = `the xattrs of inode ${inode.nid}`
  const area = await readRange(volume.metadata, start, inode.xattrSize, EROFS, what)
  const { sharedCount, nameFilter } = decode(XattrIbodyHeader, area)
  volume.budgets.attributes.spend(area.length + SHARED_COST * sharedCount)
  let at = XattrIbodyHeader.size + sharedCount * XATTR_UNIT
  if (sharedCount > 0 && (volume.fields.featureCompat & COMPAT.SHARED_EA_IN_METABOX) !== 0) {
    // Linux up to 6.16 knows no such bit, and later ones find no metabox.
    throw badInode(inode, 'its shared xattrs lie in compressed metadata', 'UNSUPPORTED')
  }
  if (at > area.length) throw badInode(inode, `${sharedCount} shared xattrs in too small an area`)
  const entries: StoredXattr[] = []
  const view = viewOf(area)
  for (let index = 0; index < sharedCount; index++) {
    const id = view.getUint32(XattrIbodyHeader.size + index * XATTR_UNIT, true)
    const address = volume.fields.xattrBlkaddr * volume.blockSize + id * XATTR_UNIT
    const stored = await readShared(volume.metadata, address, inode)
    const entry = decodeEntry(stored, 0, volume.metadata.size - address, inode, prefixes)
    entries.push({ ...locate(entry, address), shared: true })
  }
  // Room that was reserved and not used is zero.
  while (area.subarray(at).some((byte) => byte !== 0)) {
    const entry = decodeEntry(area, at, area.length - at, inode, prefixes)
    entries.push({ ...locate(entry, start + at), shared: false })
    at += entry.size
  }
  assertDistinct(inode, entries)
  assertVisible(volume, inode, nameFilter, entries)
  return { nameFilter, entries }
}

/** Linux from 6.6 on does not find what the filter hides, earlier ones do. */
function assertVisible(
  { fields }: Volume,
  inode: Inode,
  nameFilter: number,
  entries: readonly StoredXattr[],
): void {
  // Another format of the filter, which Linux passes by.
  if ((fields.featureCompat & COMPAT.XATTR_FILTER) === 0 || fields.xattrFilterReserved !== 0) return
  const names = entries.map(({ name }) => name)
  const hidden = findHiddenXattr(nameFilter, names)
  if (hidden !== undefined) throw badInode(inode, `its name filter hides ${hidden}`)
}

function assertDistinct(inode: Inode, entries: readonly StoredXattr[]): void {
  const names = new Set<string>()
  for (const { name } of entries) {
    if (names.has(name)) throw badInode(inode, `its xattr ${name} is stored twice`)
    names.add(name)
  }
}

/** The bytes of an entry in the shared area, up to its value. */
async function readShared(source: Source, offset: number, inode: Inode): Promise<Uint8Array> {
  const what = `a shared xattr of inode ${inode.nid}`
  const head = decode(XattrEntry, await readRange(source, offset, XattrEntry.size, EROFS, what))
  return readRange(source, offset, XattrEntry.size + head.nameLen, EROFS, what)
}

interface DecodedEntry {
  readonly name: string
  /** Bytes of entry, name and value, without padding. */
  readonly bytes: number
  readonly size: number
  readonly valueSize: number
}

function locate({ name, bytes, size, valueSize }: DecodedEntry, offset: number) {
  return { name, offset, valueOffset: offset + bytes - valueSize, valueSize, size }
}

/** The entry at `at`, which with its value may have `room` bytes. */
function decodeEntry(
  area: Uint8Array,
  at: number,
  room: number,
  inode: Inode,
  prefixes: XattrPrefixes,
): DecodedEntry {
  const nameStart = at + XattrEntry.size
  if (nameStart > area.length) throw badInode(inode, 'an xattr ends outside its area')
  const { nameLen, nameIndex, valueSize } = decode(XattrEntry, area, at)
  const valueStart = nameStart + nameLen
  const bytes = XattrEntry.size + nameLen + valueSize
  if (bytes > room) throw badInode(inode, 'an xattr ends outside its area')
  const prefix = findPrefix(nameIndex, prefixes)
  if (!prefix) throw badInode(inode, `an xattr has the unknown name index ${nameIndex}`)
  const name = decodeUtf8(concat(prefix, area.subarray(nameStart, valueStart)))
  if (name === undefined) throw badInode(inode, 'the name of an xattr is not UTF-8')
  if (name.includes('\0')) throw badInode(inode, 'the name of an xattr holds a NUL')
  return { name, bytes, size: alignUp(bytes, XATTR_UNIT), valueSize }
}

function findPrefix(nameIndex: number, { names }: XattrPrefixes): Uint8Array | undefined {
  if (nameIndex & XATTR_LONG_PREFIX) return names[nameIndex & ~XATTR_LONG_PREFIX]
  const prefix = XATTR_PREFIX[nameIndex]
  return prefix === undefined ? undefined : encodeUtf8(prefix)
}
