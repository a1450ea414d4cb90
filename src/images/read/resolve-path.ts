/** Paths inside an image, symlinks followed as if the image were the root directory. */

import { decodeUtf8, encodeUtf8 } from '../../bytes/utf8.ts'
import type { Erofs, Inode } from '../../formats/erofs/index.ts'
import type { Designator } from '../../formats/gpt/index.ts'

/** Symlinks followed on one path, as many as Linux follows. */
const MAX_LINKS = 40

/**
 * A file system and where it is mounted: a usr partition holds what is below `/usr`.
 */
export interface MountedTree {
  readonly erofs: Erofs
  readonly designator: Designator
}

/** The inode at exactly `path`, or undefined; the last component is not followed. */
export function lookupInTree(
  { erofs, designator }: MountedTree,
  path: readonly string[],
): Promise<Inode | undefined> {
  if (designator === 'root') return erofs.lookup(encodeUtf8(path.join('/')))
  const [first, ...rest] = path
  return first === 'usr' ? erofs.lookup(encodeUtf8(rest.join('/'))) : Promise.resolve(undefined)
}

/**
 * What `path` (without leading slash) leads to, symlinks followed and `..` kept inside.
 *
 * @returns undefined where it leads nowhere, or around in circles.
 * @throws FormatError where a directory on the way cannot be read.
 */
export async function resolveInTree(
  tree: MountedTree,
  path: string,
): Promise<{ readonly path: readonly string[]; readonly inode: Inode } | undefined> {
  const done: string[] = []
  let rest = path.split('/')
  let inode: Inode | undefined = tree.designator === 'root' ? tree.erofs.root : undefined
  for (let links = 0; rest.length > 0; ) {
    const [name, ...others] = rest
    rest = others
    if (name === undefined || name === '' || name === '.') continue
    if (name === '..') {
      done.pop()
      continue
    }
    inode = await lookupInTree(tree, [...done, name])
    if (!inode) return undefined
    if (inode.kind !== 'symlink') {
      done.push(name)
      continue
    }
    links += 1
    const target = decodeUtf8(await tree.erofs.readlink(inode))
    if (target === undefined || links > MAX_LINKS) return undefined
    if (target.startsWith('/')) done.length = 0
    rest = [...target.split('/'), ...rest]
  }
  const found = done.length === 0 ? inode : await lookupInTree(tree, done)
  return found && { path: done, inode: found }
}
