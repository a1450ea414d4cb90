/** What an image has in the places that are merged over the host's. */

import { followInTree, type MountedTree } from './resolve-path.ts'

/** What stands at the path of a hierarchy, once symlinks are followed inside the image. */
export interface Hierarchy {
  readonly name: string
  /** Undefined where it can be merged. */
  readonly defect: HierarchyDefect | undefined
}

export interface HierarchyDefect {
  /** What systemd-sysext says, before it merges nothing at all; ENOENT only makes it pass by. */
  readonly code: 'ENOENT' | 'ENOTDIR' | 'ELOOP'
  /** What was found. */
  readonly fact: string
}

/** Those of `names` that the root directory has an entry for. */
export async function readHierarchies(
  tree: MountedTree,
  names: readonly string[],
): Promise<Hierarchy[]> {
  const hierarchies: Hierarchy[] = []
  for (const name of names) hierarchies.push({ name, defect: await findDefect(tree, name) })
  return hierarchies
}

async function findDefect(tree: MountedTree, name: string): Promise<HierarchyDefect | undefined> {
  const end = await followInTree(tree, name)
  switch (end) {
    case 'ENOENT':
      return { code: end, fact: 'a symbolic link that leads to nothing' }
    case 'ENOTDIR':
      return { code: end, fact: 'a symbolic link that leads through what is no directory' }
    case 'ELOOP':
      return { code: end, fact: 'a symbolic link that leads through too many others' }
    default: {
      const { kind } = end.inode
      if (kind === 'directory') return undefined
      const isLink = end.path.join('/') !== name
      return { code: 'ENOTDIR', fact: isLink ? `a symbolic link to a ${kind}` : `a ${kind}` }
    }
  }
}
