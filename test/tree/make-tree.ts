/** Trees written down in a test. */

import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { withNode } from '../../src/tree/insert.ts'
import type {
  DirectoryNode,
  FileNode,
  Metadata,
  SymlinkNode,
  TreeNode,
} from '../../src/tree/model.ts'

export const EPOCH = { seconds: 1_000_000, nanoseconds: 0 } as const

export function metadata(changes: Partial<Metadata> = {}): Metadata {
  return { mode: 0o644, uid: 0, gid: 0, mtime: EPOCH, xattrs: new Map(), ...changes }
}

export function file(text = '', changes: Partial<Metadata> = {}): FileNode {
  const bytes = encodeUtf8(text)
  const content = { kind: 'bytes', size: bytes.length, bytes } as const
  return { kind: 'file', metadata: metadata(changes), content }
}

export function symlink(target: string): SymlinkNode {
  return { kind: 'symlink', metadata: metadata({ mode: 0o777 }), target: encodeUtf8(target) }
}

export function directory(changes: Partial<Metadata> = {}): DirectoryNode {
  return { kind: 'directory', metadata: metadata({ mode: 0o755, ...changes }), entries: [] }
}

/** A tree with these nodes at these paths; the same object twice is a hard link. */
export function makeTree(nodes: Readonly<Record<string, TreeNode>>): DirectoryNode {
  let tree = directory()
  for (const [path, node] of Object.entries(nodes)) tree = withNode(tree, path, node)
  return tree
}
