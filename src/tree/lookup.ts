/**
 * Finding a path in a tree as a process would whose root the tree is: symbolic links are followed
 * inside, `..` stops at the top.
 */

import { compareBytes } from '../bytes/equal.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { describePath } from './host-path.ts'
import type { DirectoryNode, TreeNode } from './model.ts'

export interface Found {
  /** Path without symbolic links, from the top, for people and for another lookup. */
  readonly path: string
  /** Names from the top to the node. */
  readonly names: readonly Uint8Array[]
  readonly node: TreeNode
}

export interface LookupOptions {
  /** Which symbolic links to follow: `all` (default), all but the last name's, or `none`. */
  readonly follow?: 'all' | 'parents' | 'none'
}

/** As many links as Linux follows in one path. */
const MAX_LINKS = 40
const SLASH = 0x2f

/** What is at `path`, or undefined where nothing is, or links lead nowhere or in a circle. */
export function lookup(
  tree: DirectoryNode,
  path: string | Uint8Array,
  options: LookupOptions = {},
): Found | undefined {
  const follow = options.follow ?? 'all'
  const stack: Step[] = []
  const pending = splitPath(path).reverse()
  let links = 0
  for (let name = pending.pop(); name; name = pending.pop()) {
    const directory = stack.at(-1)?.node ?? tree
    if (directory.kind !== 'directory') return undefined
    if (isDots(name, 2)) {
      stack.pop()
      continue
    }
    const node = findEntry(directory, name)
    if (!node) return undefined
    const isFollowed = follow === 'all' || (follow === 'parents' && pending.length > 0)
    if (node.kind === 'symlink' && isFollowed) {
      if (++links > MAX_LINKS) return undefined
      if (node.target[0] === SLASH) stack.length = 0
      pending.push(...splitPath(node.target).reverse())
    } else {
      stack.push({ name, node })
    }
  }
  const names = stack.map((step) => step.name)
  return { path: names.map(describePath).join('/'), names, node: stack.at(-1)?.node ?? tree }
}

interface Step {
  readonly name: Uint8Array
  readonly node: TreeNode
}

/** The node called `name` in `directory`. */
export function findEntry(directory: DirectoryNode, name: Uint8Array): TreeNode | undefined {
  const index = searchEntries(directory, name)
  const entry = directory.entries[index]
  return entry && compareBytes(entry.name, name) === 0 ? entry.node : undefined
}

/** Index of the first entry that is not sorted before `name`. */
export function searchEntries(directory: DirectoryNode, name: Uint8Array): number {
  let low = 0
  let high = directory.entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareBytes(directory.entries[middle]!.name, name) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** The names of a path; empty ones and `.` mean nothing. */
export function splitPath(path: string | Uint8Array): Uint8Array[] {
  const bytes = typeof path === 'string' ? encodeUtf8(path) : path
  const names: Uint8Array[] = []
  for (let start = 0; start <= bytes.length; ) {
    const slash = bytes.indexOf(SLASH, start)
    const end = slash === -1 ? bytes.length : slash
    const name = bytes.subarray(start, end)
    if (name.length > 0 && !isDots(name, 1)) names.push(name)
    start = end + 1
  }
  return names
}

/** Whether `name` is `.` (one dot) or `..` (two). */
export function isDots(name: Uint8Array, count: 1 | 2): boolean {
  return name.length === count && name.every((byte) => byte === 0x2e)
}
