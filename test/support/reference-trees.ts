/** Commands of the reference trees, which see the test's folder under its own path. */

import { type TreeName, treeFolder } from '../../scripts/provision/trees.mjs'
import { type RunOptions, type RunResult, run } from './run.ts'
import { tool } from './tools.ts'

/** Reference trees by what they are asked for. */
export const GENERATIONS = [
  ['systemd 257', 'trixie'],
  ['systemd 262', 'sid'],
] as const

// Everything written in the tree goes to memory and is gone with the mount namespace. The tree is a
// mount of its own, because systemd changes the propagation of what it takes for the root mount.
const ENTER = `
set -e
tree=$1 folder=$2
shift 2
mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount -t sysfs sys "$tree/sys"
mount --rbind /dev "$tree/dev"
for scratch in run tmp var/tmp; do mount -t tmpfs tmpfs "$tree/$scratch"; done
mkdir -p "$tree$folder"
mount --bind "$folder" "$tree$folder"
exec chroot "$tree" "$@"
`

/**
 * Runs a command in a reference tree and returns how it ended.
 *
 * @param folder Below the folder for temporary files; the only part of the host the command sees.
 */
export function runInTree(
  tree: TreeName,
  folder: string,
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): RunResult {
  return run(tool('unshare'), enter(tree, folder, command, args), insideOptions(options))
}

/** Runs a command that has to succeed in a reference tree, and returns its standard output. */
export function outputInTree(
  tree: TreeName,
  folder: string,
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): string {
  const result = runInTree(tree, folder, command, args, options)
  if (result.status !== 0) {
    const said = `${result.stdout}${result.stderr}`.trimEnd()
    throw new Error(`${tree}: ${command} ${args.join(' ')}: ended with ${result.status}\n${said}`)
  }
  return result.stdout
}

function enter(tree: TreeName, folder: string, command: string, args: readonly string[]): string[] {
  const shell = ['sh', '-c', ENTER, 'sh', treeFolder(tree), folder, command, ...args]
  return ['--mount', '--propagation', 'private', ...shell]
}

function insideOptions(options: RunOptions): RunOptions {
  return {
    ...options,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', ...options.env },
  }
}
