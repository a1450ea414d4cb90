/** What systemd accepts in an extension and probably nobody meant. */

import { decodeUtf8 } from '../bytes/utf8.ts'
import type { HIERARCHIES } from './hierarchies.ts'
import type { DirectoryNode } from './model.ts'
import { type WalkEntry, walkTree } from './walk.ts'

type Kind = keyof typeof HIERARCHIES

interface Rule {
  readonly kinds: readonly Kind[]
  readonly applies: (entry: WalkEntry) => boolean
  /** What is said of the first path found. */
  readonly says: string
}

const BOTH: readonly Kind[] = ['sysext', 'confext']

const RULES: readonly Rule[] = [
  {
    kinds: ['confext'],
    applies: ({ node }) =>
      node.kind === 'file' &&
      ((node.metadata.mode & 0o6000) !== 0 || node.metadata.xattrs.has('security.capability')),
    says: 'gives privileges that a confext, mounted nosuid, does not grant',
  },
  {
    kinds: ['confext'],
    applies: ({ node }) => node.kind === 'file' && (node.metadata.mode & 0o111) !== 0,
    says: 'is executable, and a confext is mounted noexec',
  },
  {
    kinds: BOTH,
    // A character device 0:0 is how an overlay hides a file, and may well be meant.
    applies: ({ node }) =>
      node.kind === 'block-device' ||
      (node.kind === 'character-device' && (node.major !== 0 || node.minor !== 0)),
    says: 'is a device node that nobody can open: extensions are mounted nodev',
  },
  {
    kinds: BOTH,
    applies: ({ node }) => node.kind === 'socket',
    says: 'is a socket: nothing can listen on it in an image',
  },
  {
    kinds: BOTH,
    applies: ({ node }) => node.metadata.uid !== 0 || node.metadata.gid !== 0,
    says: 'belongs to a user or group whose number may mean another one on the target',
  },
  {
    kinds: BOTH,
    applies: ({ node }) =>
      (node.kind === 'file' && (node.metadata.mode & 0o002) !== 0) ||
      (node.kind === 'directory' && (node.metadata.mode & 0o1002) === 0o002),
    says: 'is writable for everybody',
  },
  {
    kinds: ['sysext'],
    applies: ({ node }) => node.kind === 'directory' && (node.metadata.mode & 0o005) !== 0o005,
    says: "is closed to ordinary users (umask 077?), and merging closes the host's directory too",
  },
  {
    kinds: ['confext'],
    applies: ({ path, node }) =>
      path === 'etc' && node.kind === 'directory' && (node.metadata.mode & 0o005) !== 0o005,
    says: 'is closed to ordinary users',
  },
  {
    kinds: ['confext'],
    applies: ({ path }) => path === 'etc/os-release',
    says: "replaces the host's os-release, by which other extensions are matched",
  },
  {
    kinds: BOTH,
    applies: ({ name }) => decodeUtf8(name) === undefined,
    says: 'has a name that is not UTF-8',
  },
]

/** One sentence for each kind of oddity: the first path that has it, and how many more do. */
export function findWarnings(tree: DirectoryNode, kind: Kind): string[] {
  const counted = RULES.filter((rule) => rule.kinds.includes(kind)).map((rule) => ({
    rule,
    first: '',
    count: 0,
  }))
  for (const entry of walkTree(tree)) {
    for (const state of counted) {
      if (!state.rule.applies(entry)) continue
      if (state.count++ === 0) state.first = entry.path
    }
  }
  return counted
    .filter(({ count }) => count > 0)
    .map(({ rule, first, count }) => {
      const others = count > 1 ? ` (and ${count - 1} more)` : ''
      return `${first} ${rule.says}${others}`
    })
}
