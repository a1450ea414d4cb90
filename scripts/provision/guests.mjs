// @ts-check
/**
 * What the virtual machines boot: for each reference tree a kernel and a root file system with the
 * unit that runs the steps of a test, as a disk and as an initrd.
 */

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cacheFolder, provision, provisionedAt } from './cache.mjs'
import { GUEST_SOURCES, makeGuestRoot } from './guest-root.mjs'
import { run } from './run.mjs'
import { treeFolder, treeRecipe } from './trees.mjs'

/** @typedef {import('./trees.mjs').TreeName} TreeName */

const MAKERS = ['guests.mjs', 'guest-root.mjs'].map((name) => join(import.meta.dirname, name))

/**
 * The folder of a guest: `vmlinuz`, `kernel-version`, `root.ext4`, `initrd.cpio.zst`.
 * @param {TreeName} name
 */
export function guestFolder(name) {
  return join(cacheFolder(), 'guests', name)
}

/**
 * Everything that decides what is in a guest.
 * @param {TreeName} name
 */
export function guestRecipe(name) {
  const files = readdirSync(GUEST_SOURCES).sort()
  const sources = [...files.map((file) => join(GUEST_SOURCES, file)), ...MAKERS]
  const hash = createHash('sha256')
  for (const source of sources) hash.update(basename(source)).update(readFileSync(source))
  return [treeRecipe(name), provisionedAt(treeFolder(name)), hash.digest('hex')]
}

/**
 * Makes a guest unless it is there. Needs root and the reference tree of that name.
 * @param {TreeName} name
 */
export async function provideGuest(name) {
  await provision(guestFolder(name), guestRecipe(name), async (folder) => {
    console.error(`making the ${name} guest in ${guestFolder(name)}`)
    const root = join(folder, 'root')
    await makeGuestRoot(name, folder)
    await makeDisk(root, join(folder, 'root.ext4'))
    await makeInitrd(root, join(folder, 'initrd.cpio.zst'))
    rmSync(root, { recursive: true })
  })
}

/** @param {string} root @param {string} disk */
async function makeDisk(root, disk) {
  await run('mkfs.ext4', ['-q', '-O', '^has_journal', '-m', '0', '-d', root, disk, '4G'])
}

/** @param {string} root @param {string} archive */
async function makeInitrd(root, archive) {
  symlinkSync('usr/lib/systemd/systemd', join(root, 'init'))
  symlinkSync('os-release', join(root, 'etc', 'initrd-release'))
  const pack = 'find . -print0 | cpio --quiet -0 -o -H newc | zstd -q -T0 -12 -o "$1"'
  await run('sh', ['-c', pack, 'sh', archive], { cwd: root })
}
