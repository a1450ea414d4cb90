/**
 * What systemd merges from an extension of each kind, and what it refuses.
 *
 * See systemd-sysext(8). systemd ignores what lies outside the hierarchies; we refuse it, because whoever put it there
 * expects it to arrive.
 */

import { TreeError } from '../errors.ts'
import { describePath } from './host-path.ts'
import { lookup } from './lookup.ts'
import type { DirectoryNode } from './model.ts'

/** Top-level directories that are merged over the host's. */
export const HIERARCHIES = {
  sysext: ['usr', 'opt'],
  confext: ['etc'],
} as const satisfies Record<string, readonly string[]>

type Kind = keyof typeof HIERARCHIES

/** Where systemd looks for the mark of a whole operating system. */
const OS_RELEASE = 'usr/lib/os-release'

/** @throws TreeError WRONG_HIERARCHY, EMPTY, FORBIDDEN */
export function assertHierarchies(tree: DirectoryNode, kind: Kind): void {
  const allowed: readonly string[] = HIERARCHIES[kind]
  const strangers: string[] = []
  let merged = 0
  for (const { name, node } of tree.entries) {
    const text = describePath(name)
    if (!allowed.includes(text)) {
      strangers.push(text)
    } else if (node.kind !== 'directory') {
      throw new TreeError('WRONG_HIERARCHY', `${text} is a ${node.kind}, not a directory`)
    } else {
      merged++
    }
  }
  if (strangers.length > 0) throw wrongHierarchy(strangers, kind)
  if (merged === 0) {
    throw new TreeError('EMPTY', `the tree has no ${allowed.join('/ or ')}/, all a ${kind} can add`)
  }
  assertNoOsRelease(tree)
}

function wrongHierarchy(names: readonly string[], kind: Kind): TreeError {
  const allowed = HIERARCHIES[kind].join('/ and ')
  const message = `a ${kind} adds only ${allowed}/, the tree also has ${names.join(', ')}`
  return new TreeError('WRONG_HIERARCHY', message, { hint: advise(names, kind) })
}

function advise(names: readonly string[], kind: Kind): string {
  const other = kind === 'sysext' ? 'confext' : 'sysext'
  const elsewhere = names.filter((name) => (HIERARCHIES[other] as readonly string[]).includes(name))
  if (elsewhere.length > 0) return `${elsewhere.join(' and ')} can go into a ${other} of its own`
  if (kind === 'sysext' && names.some((name) => /^(?:bin|sbin|lib\w*)$/.test(name))) {
    return 'move programs and libraries below usr/'
  }
  if (kind === 'sysext' && names.some((name) => ['var', 'run', 'srv'].includes(name))) {
    return 'create files there at run time, for example with a usr/lib/tmpfiles.d/ file'
  }
  return names
    .map((name) => `--exclude ${name.includes(' ') ? `'/${name}'` : `/${name}`}`)
    .join(' ')
}

/** An os-release file makes systemd take the image for an operating system and refuse it. */
function assertNoOsRelease(tree: DirectoryNode): void {
  const found = lookup(tree, OS_RELEASE) ?? lookup(tree, OS_RELEASE, { follow: 'parents' })
  if (!found) return
  const place = found.path === OS_RELEASE ? OS_RELEASE : `${OS_RELEASE} (${found.path})`
  const message = `the tree holds ${place}: systemd refuses such an image as an extension`
  throw new TreeError('FORBIDDEN', message, { hint: `--exclude /${found.path}` })
}
