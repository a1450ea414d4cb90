/** Every file of a file system by its path, and a file by its path. */

import { concat } from '../../../bytes/concat.ts'
import { encodeUtf8 } from '../../../bytes/utf8.ts'
import { FormatError } from '../../../errors.ts'
import { EROFS, FILE_TYPE, LAYOUT } from '../layout.ts'
import { budgetOf } from './budget.ts'
import { findEntry, isDot, quote, readDirectory } from './decode-directory.ts'
import { type Inode, readInode } from './decode-inode.ts'
import { badInode } from './extent.ts'
import type { Volume } from './volume.ts'

/** A name and what it leads to. */
export interface WalkEntry {
  /** Path from the root without a leading slash; empty for the root itself. */
  readonly path: Uint8Array
  /** Last component of the path. */
  readonly name: Uint8Array
  readonly inode: Inode
  /** The directory that holds the name; undefined for the first entry. */
  readonly parent: Inode | undefined
}

/** Longest path, PATH_MAX: nothing can open a longer one by name. It bounds the depth, too. */
const MAX_PATH = 4096

const SLASH = encodeUtf8('/')

const COMPRESSED: readonly number[] = [LAYOUT.COMPRESSED_FULL, LAYOUT.COMPRESSED_COMPACT]

const FILE_TYPES: Readonly<Record<Inode['kind'], number>> = {
  file: FILE_TYPE.REG_FILE,
  directory: FILE_TYPE.DIR,
  'character-device': FILE_TYPE.CHRDEV,
  'block-device': FILE_TYPE.BLKDEV,
  fifo: FILE_TYPE.FIFO,
  socket: FILE_TYPE.SOCK,
  symlink: FILE_TYPE.SYMLINK,
}

/**
 * All entries below `top`, each directory before what is in it, names in byte order. Hard links
 * appear once per name, with the same nid.
 *
 * @throws FormatError where a directory is reached twice, `.` or `..` lead elsewhere, types
 *   disagree, a path is longer than PATH_MAX, or the directories have more bytes than the image.
 */
export async function* walkTree(volume: Volume, top: Inode): AsyncGenerator<WalkEntry> {
  const nothing = new Uint8Array(0)
  const root: WalkEntry = { path: nothing, name: nothing, inode: top, parent: undefined }
  yield root
  if (top.kind !== 'directory') return
  const seen = new Set<number>([top.nid])
  // Blocks of a directory belong to it alone: its entry ".." says where it is. No name is stored in
  // less than a byte, compressed or not.
  const bytes = budgetOf('directories', volume.source.size)
  const names = budgetOf('names', volume.source.size)
  const openDirectory = (entry: WalkEntry) => {
    if (!COMPRESSED.includes(entry.inode.layout)) bytes.spend(entry.inode.size)
    return readChildren(volume, entry)
  }
  const open = [openDirectory(root)]
  for (let current = open.at(-1); current; current = open.at(-1)) {
    const next = await current.next()
    if (next.done) {
      open.pop()
      continue
    }
    const entry = next.value
    names.spend(1)
    if (entry.path.length > MAX_PATH) {
      throw new FormatError(EROFS, 'TOO_LARGE', `a path of more than ${MAX_PATH} bytes`)
    }
    if (entry.inode.kind === 'directory') {
      if (seen.has(entry.inode.nid)) {
        throw badInode(entry.inode, `is a directory with two names, one is ${quote(entry.name)}`)
      }
      seen.add(entry.inode.nid)
    }
    yield entry
    if (entry.inode.kind === 'directory') open.push(openDirectory(entry))
  }
}

/**
 * The inode at `path`, components separated by slashes; symlinks are not followed.
 *
 * @returns undefined where there is no such file.
 */
export async function lookupPath(
  volume: Volume,
  root: Inode,
  path: Uint8Array,
): Promise<Inode | undefined> {
  let inode: Inode | undefined = root
  for (const name of pathComponents(path)) {
    if (inode?.kind !== 'directory') return undefined
    inode = await findChild(volume, inode, name)
  }
  return inode
}

/** The inode called `name` in `directory`. @throws FormatError where it is no directory. */
export async function findChild(
  volume: Volume,
  directory: Inode,
  name: Uint8Array,
): Promise<Inode | undefined> {
  const entry = await findEntry(volume, directory, name)
  return entry && readInode(volume, entry.nid)
}

/** The parts between slashes. */
export function* pathComponents(path: Uint8Array): Generator<Uint8Array> {
  let start = 0
  while (start < path.length) {
    const slash = path.indexOf(SLASH[0]!, start)
    const end = slash < 0 ? path.length : slash
    if (end > start) yield path.subarray(start, end)
    start = end + 1
  }
}

async function* readChildren(
  volume: Volume,
  { path, inode: directory, parent }: WalkEntry,
): AsyncGenerator<WalkEntry> {
  const dots = new Map<string, number>()
  for await (const { name, nid, fileType } of readDirectory(volume, directory)) {
    if (isDot(name)) {
      dots.set(name.length === 1 ? '.' : '..', nid)
      continue
    }
    const inode = await readInode(volume, nid)
    if (FILE_TYPES[inode.kind] !== fileType) {
      throw badInode(inode, `is a ${inode.kind}, its name ${quote(name)} has type ${fileType}`)
    }
    yield {
      path: path.length === 0 ? name : concat(path, SLASH, name),
      name,
      inode,
      parent: directory,
    }
  }
  const self = dots.get('.') ?? (directory.dotOmitted ? directory.nid : undefined)
  if (self !== directory.nid)
    throw badInode(directory, `its entry "." leads to ${self ?? 'nothing'}`)
  const up = dots.get('..')
  const expected = parent?.nid ?? (directory.nid === volume.rootNid ? directory.nid : up)
  if (up === undefined || up !== expected) {
    throw badInode(directory, `its entry ".." leads to ${up ?? 'nothing'}, expected ${expected}`)
  }
}
