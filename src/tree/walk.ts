/** Every node of a tree with its path, parents first, in the order of the image. */

import { describePath } from './host-path.ts'
import type { DirectoryNode, TreeNode } from './model.ts'

export interface WalkEntry {
  /** From the top, for people: what is not UTF-8 in it is replaced. */
  readonly path: string
  readonly name: Uint8Array
  readonly node: TreeNode
}

/** All but the top itself. */
export function* walkTree(tree: DirectoryNode, parent = ''): Generator<WalkEntry> {
  for (const { name, node } of tree.entries) {
    const path = `${parent}${describePath(name)}`
    yield { path, name, node }
    if (node.kind === 'directory') yield* walkTree(node, `${path}/`)
  }
}
