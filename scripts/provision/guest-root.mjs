// @ts-check
/** The root file system of a guest: its reference tree without what no test needs, and a kernel. */

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run.mjs'
import { downloadFolder, treeFolder } from './trees.mjs'

/** The files a guest gets from this repository, and lists of what it gets from elsewhere. */
export const GUEST_SOURCES = fileURLToPath(new URL('../../test/vm/harness/guest', import.meta.url))

const MODULES = 'usr/lib/modules'

/**
 * Makes in `folder` the root file system `root`, its kernel `vmlinuz`, and the `kernel-version`.
 * @param {import('./trees.mjs').TreeName} name
 * @param {string} folder
 */
export async function makeGuestRoot(name, folder) {
  const root = join(folder, 'root')
  await copyTree(treeFolder(name), root)
  const version = await addKernel(downloadFolder(name, 'kernel-modules'), folder)
  await keepModules(root, version)
  addRunner(root)
  // Without one, every boot would be the first and enable every unit there is.
  writeFileSync(join(root, 'etc/machine-id'), `${'e'.repeat(32)}\n`)
}

/** @param {string} tree @param {string} root */
async function copyTree(tree, root) {
  const archive = `${root}.tar`
  const metadata = ['--numeric-owner', '--xattrs', '--xattrs-include=*']
  const leftOut = ['--anchored', `--exclude-from=${join(GUEST_SOURCES, 'left-out')}`]
  await run('tar', ['-cf', archive, ...metadata, ...leftOut, '-C', tree, '.'])
  mkdirSync(root)
  await run('tar', ['-xpf', archive, ...metadata, '-C', root])
  rmSync(archive)
}

/**
 * @param {string} packages
 * @param {string} folder
 */
async function addKernel(packages, folder) {
  const unpacked = join(folder, 'kernel')
  for (const name of readdirSync(packages)) {
    await run('dpkg-deb', ['-x', join(packages, name), unpacked])
  }
  const [version = ''] = readdirSync(join(unpacked, MODULES))
  // Newer packages have it beside the modules.
  const places = [join(MODULES, version, 'vmlinuz'), `boot/vmlinuz-${version}`]
  const image = places.map((place) => join(unpacked, place)).find((path) => existsSync(path))
  copyFileSync(image ?? '', join(folder, 'vmlinuz'))
  writeFileSync(join(folder, 'kernel-version'), `${version}\n`)
  mkdirSync(join(folder, 'root', MODULES))
  renameSync(join(unpacked, MODULES, version), join(folder, 'root', MODULES, version))
  rmSync(unpacked, { recursive: true })
  return version
}

/**
 * Removes every module that is neither listed nor needed by one that is: udev would load drivers
 * for hardware no test looks at.
 * @param {string} root
 * @param {string} version
 */
async function keepModules(root, version) {
  const depmod = () => run('chroot', [root, '/usr/sbin/depmod', version])
  const query = ['--set-version', version, '--show-depends', '--all', ...readList('modules')]
  await depmod()
  const wanted = await run('chroot', [root, '/usr/sbin/modprobe', ...query])
  const folder = join(MODULES, version)
  for (const path of readdirSync(join(root, folder), { encoding: 'utf8', recursive: true })) {
    const unwanted = /\.ko(\.\w+)?$/.test(path) && !wanted.includes(`/${path}`)
    if (unwanted || path === 'vmlinuz') rmSync(join(root, folder, path))
  }
  await depmod()
}

/** @param {string} root */
function addRunner(root) {
  const units = join(root, 'usr/lib/systemd/system')
  for (const name of readdirSync(GUEST_SOURCES).filter((file) => file.startsWith('vmtest'))) {
    copyFileSync(join(GUEST_SOURCES, name), join(units, name))
  }
  const coldplug = join(units, 'systemd-udev-trigger.service.d')
  mkdirSync(coldplug)
  copyFileSync(join(GUEST_SOURCES, 'coldplug.conf'), join(coldplug, 'vmtest.conf'))
  mkdirSync(join(root, 'usr/lib/vmtest'))
  copyFileSync(join(GUEST_SOURCES, 'run.sh'), join(root, 'usr/lib/vmtest/run.sh'))
  for (const unit of readList('masked-units')) {
    rmSync(join(units, unit), { force: true })
    symlinkSync('/dev/null', join(units, unit))
  }
}

/** @param {string} name */
function readList(name) {
  return readFileSync(join(GUEST_SOURCES, name), 'utf8').trim().split('\n')
}
