/** One call of every command, in an order in which each finds what it needs. */

import { join } from 'node:path'

export interface Call {
  readonly name: string
  readonly args: readonly string[]
}

/**
 * Calls of every command.
 *
 * @param folder Where everything is written; empty at first.
 * @param trees A sysext tree, a confext tree and a squashfs file.
 */
export function everyCommand(
  folder: string,
  trees: { readonly sysext: string; readonly confext: string; readonly squashfs: string },
): readonly Call[] {
  const keys = join(folder, 'keys')
  const certificate = ['--certificate', join(keys, 'release.crt')]
  const signing = ['--private-key', join(keys, 'release.key'), ...certificate]
  const image = (name: string) => join(folder, `${name}.raw`)
  const build = (kind: 'sysext' | 'confext', name: string, ...more: string[]): Call => ({
    name: `${kind}, ${name}`,
    args: [kind, trees[kind], ...signing, '--name', name, '--output', image(name), ...more],
  })
  return [
    { name: 'keys new', args: ['keys', 'new', '--directory', keys] },
    {
      name: 'keys inspect',
      args: ['keys', 'inspect', join(keys, 'release.key'), join(keys, 'release.crt')],
    },
    build('sysext', 'plain'),
    build('sysext', 'lz4', '--compression', 'lz4'),
    build('sysext', 'zstd', '--compression', 'zstd'),
    build('confext', 'site', '--sidecars'),
    { name: 'wrap', args: ['wrap', trees.squashfs, ...signing, '--output', image('wrapped')] },
    { name: 'verify', args: ['verify', image('plain'), image('site'), ...certificate] },
    { name: 'inspect', args: ['inspect', image('lz4')] },
    { name: 'ls', args: ['ls', image('zstd')] },
    {
      name: 'unpack',
      args: ['unpack', image('zstd'), join(folder, 'unpacked'), ...certificate],
    },
    { name: 'help', args: ['--help'] },
    { name: 'version', args: ['--version'] },
    { name: 'completion', args: ['completion', 'bash'] },
  ]
}
