/**
 * Opens an EROFS file system for reading.
 *
 * Everything up to Linux 7 except LZMA, further devices and compressed metadata. Nothing is
 * trusted: any bytes give values or a FormatError, in memory that does not grow with the image.
 */

import type { Source } from '../../../bytes/source.ts'
import { type Superblock, SYMLINK_MAX } from '../layout.ts'
import type { DirectoryEntry } from '../write/encode-directory.ts'
import { readDirectory } from './decode-directory.ts'
import { type Inode, readInode } from './decode-inode.ts'
import { readXattrArea, readXattrValue } from './decode-xattrs.ts'
import { badInode, type Extent } from './extent.ts'
import { mapExtents } from './map-extents.ts'
import { type Piece, readAt, readContent, readPieces } from './read-data.ts'
import { openVolume, type Volume } from './volume.ts'
import { findChild, lookupPath, type WalkEntry, walkTree } from './walk.ts'
import { readXattrPrefixes, type XattrPrefixes } from './xattr-prefixes.ts'

/** A file system that can be read. */
export interface Erofs {
  readonly superblock: Superblock
  readonly blockSize: number
  /** Number of blocks the file system claims to have. */
  readonly blocks: number
  readonly label: string
  readonly root: Inode
  inode(nid: number): Promise<Inode>
  /** Entries in byte order of their names, `.` and `..` among them. */
  readdir(directory: Inode): AsyncIterable<DirectoryEntry>
  /** The content in order; holes are zeros. The bytes may be shared: do not change them. */
  read(file: Inode): AsyncIterable<Uint8Array>
  /** The content in order with its offsets, without the holes. */
  pieces(file: Inode): AsyncIterable<Piece>
  /** Where the content lies. */
  extents(file: Inode): AsyncIterable<Extent>
  readlink(symlink: Inode): Promise<Uint8Array>
  /** Full names of the attributes. */
  xattrNames(inode: Inode): Promise<readonly string[]>
  /** The value of one attribute, or undefined where there is none. */
  xattr(inode: Inode, name: string): Promise<Uint8Array | undefined>
  /** Full name to value. */
  xattrs(inode: Inode): Promise<ReadonlyMap<string, Uint8Array>>
  /** `top`, or the root, and everything below it; directories before their entries. */
  walk(top?: Inode): AsyncIterable<WalkEntry>
  /** The inode called `name` in `directory`. */
  child(directory: Inode, name: Uint8Array): Promise<Inode | undefined>
  /** The inode at a slash-separated path; symlinks are not followed. */
  lookup(path: Uint8Array): Promise<Inode | undefined>
}

/**
 * Reads superblock and root directory of `source`.
 *
 * @throws FormatError where it is not an EROFS file system, or one with features we do not read.
 */
export async function openErofs(source: Source): Promise<Erofs> {
  const volume = await openVolume(source)
  const root = await readInode(volume, volume.rootNid)
  if (root.kind !== 'directory') throw badInode(root, `the root is a ${root.kind}`)
  const prefixes = await readXattrPrefixes(volume)
  return {
    superblock: volume.fields,
    blockSize: volume.blockSize,
    blocks: volume.blocks,
    label: volume.label,
    root,
    inode: (nid) => readInode(volume, nid),
    readdir: (directory) => readDirectory(volume, directory),
    read: (file) => readContent(volume, assertFile(file)),
    pieces: (file) => readPieces(volume, assertFile(file)),
    extents: (file) => mapExtents(volume, file),
    readlink: (symlink) => readTarget(volume, symlink),
    xattrNames: async (inode) => {
      const { entries } = await readXattrArea(volume, prefixes, inode)
      return entries.map(({ name }) => name)
    },
    xattr: async (inode, name) => {
      const { entries } = await readXattrArea(volume, prefixes, inode)
      const entry = entries.find((each) => each.name === name)
      return entry && readXattrValue(volume, entry)
    },
    xattrs: (inode) => readXattrs(volume, prefixes, inode),
    walk: (top = root) => walkTree(volume, top),
    child: (directory, name) => findChild(volume, directory, name),
    lookup: (path) => lookupPath(volume, root, path),
  }
}

async function readXattrs(
  volume: Volume,
  prefixes: XattrPrefixes,
  inode: Inode,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const values = new Map<string, Uint8Array>()
  const { entries } = await readXattrArea(volume, prefixes, inode)
  for (const entry of entries) values.set(entry.name, await readXattrValue(volume, entry))
  return values
}

function assertFile(inode: Inode): Inode {
  if (inode.kind !== 'file') throw badInode(inode, `is a ${inode.kind}, not a file`)
  return inode
}

async function readTarget(volume: Volume, symlink: Inode): Promise<Uint8Array> {
  if (symlink.kind !== 'symlink') throw badInode(symlink, `is a ${symlink.kind}`)
  if (symlink.size < 1 || symlink.size > SYMLINK_MAX) {
    throw badInode(symlink, `a symlink of ${symlink.size} bytes`)
  }
  const target = await readAt(volume, symlink, 0, symlink.size)
  // The kernel ends the target at the first NUL; other readers do not.
  if (target.includes(0)) throw badInode(symlink, 'a symlink with a NUL')
  return target
}
