/** The inodes of a tree, in the order in which they are stored. */

import { TreeError } from '../../../errors.ts'
import { measureDirectory } from '../../../formats/erofs/write/encode-directory.ts'
import { inodeSize } from '../../../formats/erofs/write/encode-inode.ts'
import {
  encodeXattrs,
  type SharedXattrs,
  shareXattrs,
} from '../../../formats/erofs/write/encode-xattrs.ts'
import type { DirectoryNode, TreeNode } from '../../../tree/model.ts'
import type { Fingerprint } from './fingerprint.ts'

/** An inode of the image: one node of the tree, however many names it has. */
export interface Inode {
  readonly node: TreeNode
  /** Serial number from 1. */
  readonly number: number
  /** The directory that holds it; of the root, and of a hard link's first name, as found first. */
  readonly parent: Inode | undefined
  /** Names and inodes, of a directory. */
  readonly children: { readonly name: Uint8Array; readonly inode: Inode }[]
  links: number
  /** Bytes of content. */
  readonly size: number
  /** Size of the inode and its attribute area; final once the links are counted. */
  headSize: number
  xattrs: Uint8Array
  storage: Storage
  /** What its content must still be when it is read again, where it shares blocks with others. */
  fingerprint: Fingerprint | undefined
}

/** Where the content of an inode is. */
export type Storage =
  | { readonly kind: 'none' }
  /** Whole blocks from `block` on. */
  | { readonly kind: 'plain'; readonly block: number }
  /** Whole blocks from `block` on, and `tail` bytes behind the inode. */
  | { readonly kind: 'inline'; readonly block: number; readonly tail: number }
  | { readonly kind: 'compressed'; readonly block: number; readonly chunks: Int32Array }

export interface Inventory {
  /** Root first, then depth first, directories in byte order. */
  readonly inodes: readonly Inode[]
  readonly shared: SharedXattrs
}

/** EROFS itself has no limit; deeper paths than PATH_MAX allows cannot be opened by anyone. */
const MAX_DEPTH = 2048

/** @param epoch time in seconds of compact inodes */
export function takeInventory(root: DirectoryNode, epoch: number): Inventory {
  const inodes: Inode[] = []
  const known = new Map<TreeNode, Inode>()

  const visit = (node: TreeNode, parent: Inode | undefined, depth: number): Inode => {
    if (depth > MAX_DEPTH) {
      throw new TreeError('UNSUPPORTED', `the tree is deeper than ${MAX_DEPTH} folders`)
    }
    const seen = known.get(node)
    if (seen) {
      seen.links++
      return seen
    }
    const inode: Inode = {
      node,
      number: inodes.length + 1,
      parent,
      children: [],
      links: 1,
      size: contentSize(node),
      headSize: 0,
      xattrs: NO_BYTES,
      storage: { kind: 'none' },
      fingerprint: undefined,
    }
    inodes.push(inode)
    if (node.kind === 'directory') {
      inode.links = 2
      for (const { name, node: child } of node.entries) {
        if (child.kind === 'directory') inode.links++
        inode.children.push({ name, inode: visit(child, inode, depth + 1) })
      }
    } else known.set(node, inode)
    return inode
  }
  visit(root, undefined, 0)

  const shared = shareXattrs(inodes.map(({ node }) => node.metadata.xattrs))
  for (const inode of inodes) {
    const { xattrs, uid, gid, mtime } = inode.node.metadata
    inode.xattrs = encodeXattrs(xattrs, shared)
    const shape = { uid, gid, mtime, nlink: inode.links, size: inode.size }
    inode.headSize = inodeSize(shape, epoch) + inode.xattrs.length
  }
  return { inodes, shared }
}

const NO_BYTES = new Uint8Array()

function contentSize(node: TreeNode): number {
  switch (node.kind) {
    case 'file':
      return node.content.size
    case 'symlink':
      return node.target.length
    case 'directory':
      return measureDirectory(node.entries.map(({ name }) => name))
    default:
      return 0
  }
}
