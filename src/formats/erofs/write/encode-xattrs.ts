/**
 * Extended attributes of an inode: the inline area, and pairs shared by several inodes.
 *
 * Facts: Linux `fs/erofs/xattr.h`, `Documentation/filesystems/erofs.rst`, "Xattrs". No name
 * filter and no long prefixes are written; readers without them are the common case.
 */

import { alignUp } from '../../../bytes/align.ts'
import { concat, concatAll } from '../../../bytes/concat.ts'
import { viewOf } from '../../../bytes/struct.ts'
import { encodeUtf8 } from '../../../bytes/utf8.ts'
import { FormatError } from '../../../errors.ts'
import {
  EROFS,
  MAX_SHARED_XATTRS,
  MAX_XATTR_ICOUNT,
  MAX_XATTR_SUFFIX,
  MAX_XATTR_VALUE,
  XATTR_PREFIX,
  XATTR_UNIT,
  XattrEntry,
  XattrIbodyHeader,
} from '../layout.ts'

/** `xattrIcount` counts the first 12 bytes once and then every four. */
const MAX_AREA_SIZE = XattrIbodyHeader.size + XATTR_UNIT * (MAX_XATTR_ICOUNT - 1)

/** A pair is worth sharing when more inodes than this carry it. */
const SHARE_ABOVE = 2

export type Xattrs = ReadonlyMap<string, Uint8Array>

/** Pairs stored once for several inodes. */
export interface SharedXattrs {
  /** The area, from the block `xattr_blkaddr` on. Empty where nothing is shared. */
  readonly bytes: Uint8Array
  /** Id of an encoded pair: its offset in the area divided by four. */
  readonly ids: ReadonlyMap<string, number>
}

/** Chooses the pairs to share among all inodes; depends on their order only in the ids. */
export function shareXattrs(inodes: Iterable<Xattrs>): SharedXattrs {
  const uses = new Map<string, { count: number; entry: Uint8Array }>()
  for (const xattrs of inodes) {
    for (const [name, value] of xattrs) {
      const key = pairKey(name, value)
      const use = uses.get(key)
      if (use) use.count++
      else uses.set(key, { count: 1, entry: encodeEntry(name, value) })
    }
  }
  const ids = new Map<string, number>()
  const entries: Uint8Array[] = []
  let offset = 0
  for (const [key, { count, entry }] of uses) {
    if (count <= SHARE_ABOVE) continue
    ids.set(key, offset / XATTR_UNIT)
    entries.push(entry)
    offset += entry.length
  }
  return { bytes: concatAll(entries), ids }
}

/**
 * The inline area of an inode; empty where it has no attributes.
 *
 * @throws FormatError where a name or value cannot be stored.
 */
export function encodeXattrs(xattrs: Xattrs, shared: SharedXattrs): Uint8Array {
  if (xattrs.size === 0) return new Uint8Array()
  const ids: number[] = []
  const entries: Uint8Array[] = []
  for (const [name, value] of sortByName(xattrs)) {
    const id = ids.length < MAX_SHARED_XATTRS ? shared.ids.get(pairKey(name, value)) : undefined
    if (id === undefined) entries.push(encodeEntry(name, value))
    else ids.push(id)
  }
  const header = new Uint8Array(XattrIbodyHeader.size + XATTR_UNIT * ids.length)
  const view = new DataView(header.buffer)
  view.setUint8(XattrIbodyHeader.offsets.sharedCount, ids.length)
  for (const [index, id] of ids.entries()) {
    view.setUint32(XattrIbodyHeader.size + XATTR_UNIT * index, id, true)
  }
  const area = concat(header, ...entries)
  if (area.length > MAX_AREA_SIZE) {
    throw new FormatError(
      EROFS,
      'TOO_LARGE',
      `attributes of ${area.length} bytes, the limit is ${MAX_AREA_SIZE}`,
    )
  }
  return area
}

function encodeEntry(name: string, value: Uint8Array): Uint8Array {
  const [nameIndex, prefix] = findPrefix(name)
  const suffix = encodeUtf8(name.slice(prefix.length))
  if (suffix.length > MAX_XATTR_SUFFIX || value.length > MAX_XATTR_VALUE) {
    throw new FormatError(EROFS, 'TOO_LARGE', `attribute ${name}: name or value too long`)
  }
  const head = { nameLen: suffix.length, nameIndex, valueSize: value.length }
  const entry = new Uint8Array(alignUp(XattrEntry.size + suffix.length + value.length, XATTR_UNIT))
  XattrEntry.write(viewOf(entry), 0, head)
  entry.set(suffix, XattrEntry.size)
  entry.set(value, XattrEntry.size + suffix.length)
  return entry
}

/** A prefix that ends without a dot is a whole name. */
function findPrefix(name: string): [nameIndex: number, prefix: string] {
  for (const [index, prefix] of Object.entries(XATTR_PREFIX)) {
    if (prefix.endsWith('.') ? name.startsWith(prefix) : name === prefix) {
      return [Number(index), prefix]
    }
  }
  const known = Object.values(XATTR_PREFIX).join(', ')
  throw new FormatError(EROFS, 'UNSUPPORTED', `attribute ${name} is in none of ${known}`)
}

function sortByName(xattrs: Xattrs): [string, Uint8Array][] {
  return [...xattrs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

function pairKey(name: string, value: Uint8Array): string {
  let key = `${name}\0`
  for (const byte of value) key += String.fromCharCode(byte)
  return key
}
