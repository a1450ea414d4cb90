// @ts-check
/** The programs we are compared with, run by chroot in the reference tree with systemd 262. */

import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { findTool } from '../provision/host-tools.mjs'
import { treeFolder } from '../provision/trees.mjs'

const TREE = treeFolder('sid')
/** Where a folder on disk appears in the tree. */
const DISK = '/mnt'

/**
 * Mounts what the programs need into the tree, for this process and its children only: it must
 * run in a mount namespace of its own.
 */
export function mountTree() {
  mount('--bind', TREE, TREE)
  mount('-t', 'proc', 'proc', join(TREE, 'proc'))
  mount('-t', 'sysfs', 'sys', join(TREE, 'sys'))
  // With it comes /dev/shm, the memory that both sides work in.
  mount('--rbind', '/dev', join(TREE, 'dev'))
  for (const folder of ['run', 'tmp', 'var/tmp']) mount('-t', 'tmpfs', 'tmpfs', join(TREE, folder))
}

/**
 * Gives the tree the identity of a machine.
 * @param {string} file
 */
export function mountMachineId(file) {
  mount('--bind', file, join(TREE, 'etc/machine-id'))
}

/**
 * From now on `folder` and temporary files of the programs are on the disk of `folder`.
 * @param {string} folder
 */
export function moveToDisk(folder) {
  const temporary = join(folder, 'temporary')
  mkdirSync(temporary, { recursive: true })
  mount('--bind', folder, join(TREE, DISK))
  mount('--bind', temporary, join(TREE, 'var/tmp'))
}

/**
 * A command in the tree.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} [env]
 */
export function inTree(command, args, env = {}) {
  return {
    command: 'chroot',
    args: [TREE, command, ...args],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env },
  }
}

/**
 * The path in the tree of something in `folder`.
 * @param {string} folder
 * @param {string} name
 * @param {'memory' | 'disk'} where
 */
export function peerPath(folder, name, where) {
  return join(where === 'disk' ? DISK : folder, name)
}

/** @param {string[]} args */
function mount(...args) {
  const { status, stderr, error } = spawnSync(findTool('mount') ?? '', args, { encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr.trim()}`)
}
