/** The path somebody probably meant. */

import { describePath } from './host-path.ts'
import { findEntry } from './lookup.ts'
import type { DirectoryNode } from './model.ts'
import { walkTree } from './walk.ts'

/**
 * A path of `tree` like `names`, or undefined where none is: a name spelled almost the same in
 * the same directory, or the last name somewhere else.
 */
export function findNearest(tree: DirectoryNode, names: readonly Uint8Array[]): string | undefined {
  return findMisspelled(tree, names) ?? findElsewhere(tree, names)
}

function findMisspelled(tree: DirectoryNode, names: readonly Uint8Array[]): string | undefined {
  let directory = tree
  for (const [depth, name] of names.entries()) {
    const node = findEntry(directory, name)
    if (node?.kind === 'directory') {
      directory = node
      continue
    }
    const text = describePath(name)
    const limit = Math.max(1, Math.floor(text.length / 3))
    const [best] = directory.entries
      .map((entry) => describePath(entry.name))
      .map((candidate) => ({ candidate, distance: editDistance(text, candidate) }))
      .filter(({ distance }) => distance <= limit)
      .sort((a, b) => a.distance - b.distance)
    if (!best) return undefined
    return [...names.slice(0, depth).map(describePath), best.candidate].join('/')
  }
  return undefined
}

function findElsewhere(tree: DirectoryNode, names: readonly Uint8Array[]): string | undefined {
  const last = describePath(names.at(-1) ?? new Uint8Array())
  for (const { path, name } of walkTree(tree)) {
    if (describePath(name) === last) return path
  }
  return undefined
}

/** Insertions, deletions and replacements that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
