/**
 * All commands by name. Summaries stand here so that the help of `extsign` needs no command's
 * module; a command and what it imports is loaded when it is called.
 */

import type { Command } from './command.ts'

export interface CommandEntry {
  readonly name: string
  /** One sentence, lower case, no full stop. */
  readonly summary: string
  readonly load: () => Promise<Command>
}

/** Words that stand before others: `extsign keys new`. */
export interface GroupEntry {
  readonly name: string
  readonly summary: string
  readonly entries: readonly CommandEntry[]
}

export type Entry = CommandEntry | GroupEntry

export const registry: readonly Entry[] = [
  {
    name: 'sysext',
    summary: 'build a signed system extension from a folder with usr/ or opt/',
    load: async () => (await import('./commands/sysext.ts')).sysext,
  },
  {
    name: 'confext',
    summary: 'build a signed configuration extension from a folder with etc/',
    load: async () => (await import('./commands/confext.ts')).confext,
  },
  {
    name: 'wrap',
    summary: 'turn an existing EROFS or squashfs file into a signed image',
    load: async () => (await import('./commands/wrap.ts')).wrap,
  },
  {
    name: 'verify',
    summary: 'check images: structure, hashes, signature, and whether a host takes them',
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  {
    name: 'inspect',
    summary: 'show everything inside an image',
    load: async () => (await import('./commands/inspect.ts')).inspect,
  },
  {
    name: 'ls',
    summary: 'list the files in an image',
    load: async () => (await import('./commands/ls.ts')).ls,
  },
  {
    name: 'unpack',
    summary: 'write the files of an image into a folder',
    load: async () => (await import('./commands/unpack.ts')).unpack,
  },
  {
    name: 'keys',
    summary: 'make and examine signing keys',
    entries: [
      {
        name: 'new',
        summary: 'make a private key and its certificate',
        load: async () => (await import('./commands/keys-new.ts')).keysNew,
      },
      {
        name: 'inspect',
        summary: 'say what a key or certificate is and who accepts it',
        load: async () => (await import('./commands/keys-inspect.ts')).keysInspect,
      },
    ],
  },
  {
    name: 'completion',
    summary: 'print a completion script for bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
]

/** Every command with the words that call it, groups resolved, in the order of the help. */
export function allCommands(): readonly { readonly path: string; readonly entry: CommandEntry }[] {
  return registry.flatMap((entry) =>
    'entries' in entry
      ? entry.entries.map((inner) => ({ path: `${entry.name} ${inner.name}`, entry: inner }))
      : [{ path: entry.name, entry }],
  )
}
