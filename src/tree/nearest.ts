/** The path somebody probably meant. */

import { describePath } from './host-path.ts'
import { findEntry } from './lookup.ts'
import type { DirectoryNode } from './model.ts'
import { walkTree } from './walk.ts'

/**
 * A path of `tree` like `names`, or undefined where none is: one with the same last name
 * somewhere else, or a name spelled almost the same in the same directory.
 */
export function findNearest(tree: DirectoryNode, names: readonly Uint8Array[]): string | undefined {
  return findElsewhere(tree, names) ?? findMisspelled(tree, names)
}

function findElsewhere(tree: DirectoryNode, names: readonly Uint8Array[]): string | undefined {
  const last = describePath(names.at(-1) ?? new Uint8Array())
  for (const { path, name } of walkTree(tree)) {
    if (describePath(name) === last) return path
  }
  return undefined
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

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? before[j - 2]! + 1 : replaced
      next.push(Math.min(replaced, swapped, row[j]! + 1, next[j - 1]! + 1))
    }
    before = row
    row = next
  }
  return row[b.length]!
}
