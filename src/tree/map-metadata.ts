/** A tree like another but for its metadata. */

import type { DirectoryNode, Metadata, TreeNode } from './model.ts'

/** Applies `change` to every node, the top included. Hard links stay hard links. */
export function mapMetadata(
  tree: DirectoryNode,
  change: (node: TreeNode) => Metadata,
): DirectoryNode {
  const leaves = new Map<TreeNode, TreeNode>()
  const mapLeaf = (node: TreeNode): TreeNode => {
    const known = leaves.get(node)
    if (known) return known
    const mapped = { ...node, metadata: change(node) }
    leaves.set(node, mapped)
    return mapped
  }
  const mapDirectory = (node: DirectoryNode): DirectoryNode => ({
    kind: 'directory',
    metadata: change(node),
    entries: node.entries.map((entry) => ({
      name: entry.name,
      node: entry.node.kind === 'directory' ? mapDirectory(entry.node) : mapLeaf(entry.node),
    })),
  })
  return mapDirectory(tree)
}
