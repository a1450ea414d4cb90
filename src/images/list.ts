/** What is in an image, entry by entry, without unpacking it. */

import { concat } from '../bytes/concat.ts'
import { equalBytes } from '../bytes/equal.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { ImageError } from '../errors.ts'
import {
  type Erofs,
  type Inode,
  type InodeKind,
  isDot,
  pathComponents,
  type WalkEntry,
} from '../formats/erofs/index.ts'
import { decodeVis, encodeVis } from '../tree/vis.ts'
import { openFilesystem } from './read/open-filesystem.ts'
import { openImage } from './read/open-image.ts'

type Named = Pick<WalkEntry, 'path' | 'inode'>

const EMPTY = new Uint8Array(0)
const SLASH = encodeUtf8('/')

export interface ListOptions {
  /** Lists what is there and below; default everything. Escaped as in {@link ListedEntry}. */
  readonly path?: string
  /** With false: a directory's own entries, without it and what is below them. Default true. */
  readonly recursive?: boolean
}

/** One name in an image. */
export interface ListedEntry {
  /**
   * Path from the root of the extension without a leading slash, `.` for the root itself.
   * Backslashes, control characters and what is not UTF-8 are escaped as in mtree(5): it is safe to
   * print.
   */
  readonly path: string
  readonly kind: InodeKind
  /** Permission bits, 0 … 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of content. */
  readonly size: number
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number }
  /** Link count as stored. */
  readonly links: number
  /** Entries with the same number are hard links of one file. */
  readonly inode: number
  /** Of symlinks, escaped like the path. */
  readonly target?: string
  /** Of devices. */
  readonly device?: { readonly major: number; readonly minor: number }
  /** Names of extended attributes. */
  readonly xattrs: readonly string[]
}

/**
 * The entries of an image, directories before what is in them, names in byte order.
 *
 * @throws ImageError NOT_FOUND where the path is not in the image, BAD_OPTION where it has other
 *   escapes; FormatError where the image or its file system is not sound; FileError where the image
 *   cannot be read.
 */
export async function* listImage(
  image: string,
  options: ListOptions = {},
): AsyncGenerator<ListedEntry> {
  const { path = '', recursive = true } = options
  const opened = await openImage(image)
  try {
    const { erofs, mountPoint } = await openFilesystem(opened)
    const prefix = encodeUtf8(mountPoint)
    const wanted = [...pathComponents(parsePath(path))]
    const inside = stripPrefix(wanted, [...pathComponents(prefix)])
    const below = inside && joinNames(inside)
    const top = below && (await erofs.lookup(below))
    if (!top) throw new ImageError('NOT_FOUND', `${image} holds no ${path}`)
    const walked = recursive || top.kind !== 'directory' ? erofs.walk(top) : children(erofs, top)
    for await (const entry of walked) {
      const names = [prefix, below, entry.path].filter((part) => part.length > 0)
      yield await describe(erofs, joinNames(names), entry.inode)
    }
  } finally {
    await opened.close()
  }
}

function parsePath(path: string): Uint8Array {
  try {
    return decodeVis(path)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new ImageError('BAD_OPTION', `path ${path}: ${cause.message}`, {
      hint: 'write a backslash twice',
    })
  }
}

/** The components behind `prefix`, or undefined where the path does not start with it. */
function stripPrefix(
  path: readonly Uint8Array[],
  prefix: readonly Uint8Array[],
): readonly Uint8Array[] | undefined {
  const leads = path.length === 0 || prefix.every((name, at) => equalBytes(name, path[at] ?? EMPTY))
  return leads ? path.slice(prefix.length) : undefined
}

async function* children(erofs: Erofs, directory: Inode): AsyncGenerator<Named> {
  for await (const { name, nid } of erofs.readdir(directory)) {
    if (!isDot(name)) yield { path: name, inode: await erofs.inode(nid) }
  }
}

async function describe(erofs: Erofs, path: Uint8Array, inode: Inode): Promise<ListedEntry> {
  const { kind, mode, uid, gid, size, mtime, nlink: links, nid, device } = inode
  const xattrs = await erofs.xattrNames(inode)
  return {
    path: path.length === 0 ? '.' : encodeVis(path),
    kind,
    mode: mode & 0o7777,
    uid,
    gid,
    size,
    mtime,
    links,
    inode: nid,
    ...(kind === 'symlink' && { target: encodeVis(await erofs.readlink(inode)) }),
    ...(device && { device }),
    xattrs,
  }
}

function joinNames(names: readonly Uint8Array[]): Uint8Array {
  return concat(...names.flatMap((name, at) => (at === 0 ? [name] : [SLASH, name])))
}
