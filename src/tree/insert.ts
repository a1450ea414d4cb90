/** Trees with one node more, or another one in its place. The tree given stays as it is. */

import { TreeError } from '../errors.ts'
import { describePath } from './host-path.ts'
import { findEntry, isDots, lookup, searchEntries, splitPath } from './lookup.ts'
import type { DirectoryNode, Metadata, TreeEntry, TreeNode } from './model.ts'

/**
 * `tree` with a regular file of these bytes at `path`.
 *
 * Links among the parents are followed inside the tree; parents that are missing are created with
 * mode 0755, owner 0:0 and the time of the file. What is at `path` itself is replaced.
 *
 * @throws TreeError FORBIDDEN where a parent is no directory or leads out of the tree, or `path`
 * is a directory; BAD_NAME
 */
export function withFile(
  tree: DirectoryNode,
  path: string | Uint8Array,
  bytes: Uint8Array,
  metadata: Metadata,
): DirectoryNode {
  return withNode(tree, path, {
    kind: 'file',
    metadata,
    content: { kind: 'bytes', size: bytes.length, bytes },
  })
}

/** `tree` with `node` at `path`; see {@link withFile}. */
export function withNode(
  tree: DirectoryNode,
  path: string | Uint8Array,
  node: TreeNode,
): DirectoryNode {
  const names = splitPath(path)
  const name = names.at(-1)
  if (!name || names.some((part) => part.length > 255 || part.includes(0) || isDots(part, 2))) {
    throw new TreeError('BAD_NAME', `"${describePath(path)}" cannot be the path of a file`)
  }
  const parents = resolveParents(tree, names.slice(0, -1))
  const old = lookup(tree, joinNames([...parents, name]), { follow: 'none' })
  if (old?.node.kind === 'directory') {
    throw new TreeError('FORBIDDEN', `${old.path} is a directory in the tree`)
  }
  const { mtime } = node.metadata
  const parentMetadata = { mode: 0o755, uid: 0, gid: 0, mtime, xattrs: new Map() }
  return place(tree, [...parents, name], node, parentMetadata)
}

/** The names of the directory `names` leads to, as far as it exists, then the missing ones. */
function resolveParents(tree: DirectoryNode, names: readonly Uint8Array[]): readonly Uint8Array[] {
  for (let known = names.length; known > 0; known--) {
    const path = joinNames(names.slice(0, known))
    const found = lookup(tree, path)
    if (found?.node.kind === 'directory') return [...found.names, ...names.slice(known)]
    if (found) throw new TreeError('FORBIDDEN', `${found.path} in the tree is not a directory`)
    if (lookup(tree, path, { follow: 'parents' })) {
      const message = `${describePath(path)} is a symbolic link that leads to nothing in the tree`
      throw new TreeError('FORBIDDEN', message, { hint: 'make it a directory' })
    }
  }
  return names
}

function place(
  directory: DirectoryNode,
  names: readonly Uint8Array[],
  node: TreeNode,
  parentMetadata: Metadata,
): DirectoryNode {
  const [name, ...rest] = names
  if (!name) return directory
  const old = findEntry(directory, name)
  if (rest.length === 0) return replaceEntry(directory, { name, node }, old !== undefined)
  const empty: DirectoryNode = { kind: 'directory', metadata: parentMetadata, entries: [] }
  const inner = old?.kind === 'directory' ? old : empty
  const entry = { name, node: place(inner, rest, node, parentMetadata) }
  return replaceEntry(directory, entry, old !== undefined)
}

function replaceEntry(directory: DirectoryNode, entry: TreeEntry, exists: boolean): DirectoryNode {
  const index = searchEntries(directory, entry.name)
  return { ...directory, entries: directory.entries.toSpliced(index, exists ? 1 : 0, entry) }
}

function joinNames(names: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(names.flatMap((name) => [Buffer.from('/'), name]))
}
