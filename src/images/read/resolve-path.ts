/** Paths inside an image, symlinks followed as if the image were the root directory. */

import { decodeUtf8, encodeUtf8 } from '../../bytes/utf8.ts'
import { FormatError } from '../../errors.ts'
import type { Erofs, Inode } from '../../formats/erofs/index.ts'
import type { Designator } from '../../formats/gpt/index.ts'

/** Symlinks followed on one path, as many as Linux follows. */
const MAX_LINKS = 40
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

/**
 * What `path` (without leading slash) leads to, symlinks followed and `..` kept inside.
 *
 * @returns undefined where it leads nowhere, or around in circles.
 * @throws FormatError where a directory on the way cannot be read, or the way has more names than
 *   any program follows.
 */
export async function resolveInTree(
  tree: MountedTree,
  path: string,
): Promise<Resolved | undefined> {
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
    if (name === '..') {
      done.pop()
      continue
    }
    const inode = await findChild(tree, done.at(-1), name)
    if (!inode) return undefined
    if (inode.kind !== 'symlink') {
      done.push({ name, inode })
      continue
    }
    links += 1
    const target = decodeUtf8(await tree.erofs.readlink(inode))
    if (target === undefined || links > MAX_LINKS) return undefined
    if (target.startsWith('/')) done.length = 0
    for (const each of target.split('/').reverse()) rest.push(each)
  }
  const inode = done.at(-1)?.inode ?? (tree.designator === 'root' ? tree.erofs.root : undefined)
  return inode && { path: done.map(({ name }) => name), inode }
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
  const inode = directory?.inode ?? erofs.root
  return inode.kind === 'directory' ? erofs.child(inode, encodeUtf8(name)) : undefined
}
