/** Paths inside an image, symlinks followed as if the image were the root directory. */

import { decodeUtf8, encodeUtf8 } from '../../bytes/utf8.ts'
import { FormatError } from '../../errors.ts'
import type { Erofs, Inode } from '../../formats/erofs/index.ts'
import type { Designator } from '../../formats/gpt/index.ts'

/** Symlinks that systemd 257 follows on one path. Linux and systemd 262 follow more. */
const MAX_LINKS = 31
/** No reader follows so many. */
const LOOP = 255
/** Names on one path, those in symlinks counted: twice as many as PATH_MAX has room for. */
const MAX_NAMES = 4096

/**
 * A file system and where it is mounted: a usr partition holds what is below `/usr`.
 */
export interface MountedTree {
  readonly erofs: Erofs
  readonly designator: Designator
}

/** What a path leads to. */
export interface Resolved {
  /** The names from the root, no symlink among them. */
  readonly path: readonly string[]
  readonly inode: Inode
}

/** Why a path leads nowhere: what is not there, what is no directory, links without an end. */
export type DeadEnd = 'ENOENT' | 'ENOTDIR' | 'ELOOP'

/** As {@link followInTree}; undefined at a dead end. */
export async function resolveInTree(
  tree: MountedTree,
  path: string,
): Promise<Resolved | undefined> {
  const end = await followInTree(tree, path)
  return typeof end === 'string' ? undefined : end
}

/**
 * What `path` (without leading slash) leads to, symlinks followed and `..` kept inside.
 *
 * @throws FormatError where a directory on the way cannot be read; TOO_LARGE where the way has more
 *   names than any program follows, or more symlinks than each of them.
 */
export async function followInTree(tree: MountedTree, path: string): Promise<Resolved | DeadEnd> {
  const { end, links } = await follow(tree, path)
  if (end === 'ELOOP' || links <= MAX_LINKS) return end
  const message = `${path} leads through ${links} symbolic links, of which systemd 257 follows ${MAX_LINKS}`
  throw new FormatError('erofs', 'TOO_LARGE', message)
}

async function follow(
  tree: MountedTree,
  path: string,
): Promise<{ readonly end: Resolved | DeadEnd; readonly links: number }> {
  const done: Step[] = []
  const rest = path.split('/').reverse()
  let links = 0
  let names = 0
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === '' || name === '.') continue
    if (++names > MAX_NAMES) {
      const message = `${path} leads through more than ${MAX_NAMES} names`
      throw new FormatError('erofs', 'TOO_LARGE', message)
    }
    const directory = done.at(-1)
    if (directory && directory.inode.kind !== 'directory') return { end: 'ENOTDIR', links }
    if (name === '..') {
      done.pop()
      continue
    }
    const inode = await findChild(tree, directory, name)
    if (!inode) return { end: 'ENOENT', links }
    if (inode.kind !== 'symlink') {
      done.push({ name, inode })
      continue
    }
    links += 1
    const target = decodeUtf8(await tree.erofs.readlink(inode))
    if (links > LOOP) return { end: 'ELOOP', links }
    // Nothing that systemd looks for has a name that is not UTF-8.
    if (target === undefined) return { end: 'ENOENT', links }
    if (target.startsWith('/')) done.length = 0
    for (const each of target.split('/').reverse()) rest.push(each)
  }
  const inode = done.at(-1)?.inode ?? (tree.designator === 'root' ? tree.erofs.root : undefined)
  const end = inode ? { path: done.map(({ name }) => name), inode } : 'ENOENT'
  return { end, links }
}

interface Step {
  readonly name: string
  readonly inode: Inode
}

/** The inode called `name` in a directory, or in the root. */
async function findChild(
  { erofs, designator }: MountedTree,
  directory: Step | undefined,
  name: string,
): Promise<Inode | undefined> {
  if (!directory && designator === 'usr') return name === 'usr' ? erofs.root : undefined
  return erofs.child(directory?.inode ?? erofs.root, encodeUtf8(name))
}
