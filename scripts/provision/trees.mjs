// @ts-check
/**
 * Reference trees: two Debian releases with the tools that examine our images, to be entered with
 * chroot. One has systemd 257, the other 262.
 */

import { join } from 'node:path'
import { cacheFolder, provision } from './cache.mjs'
import { run } from './run.mjs'

/** @typedef {'trixie' | 'sid'} TreeName */

const MIRROR = 'http://deb.debian.org/debian'

const PACKAGES = [
  'systemd',
  'systemd-repart',
  'systemd-container',
  'erofs-utils',
  'squashfs-tools',
  'cryptsetup-bin',
  'openssl',
  'fdisk',
  'mount',
  // systemd opens these at run time and only recommends them.
  'libcryptsetup12',
  'libfdisk1',
  'libblkid1',
]

const OPTIONS = [
  '--variant=apt',
  '--components=main',
  // A mirror that stands still has release files past their date, and they are still signed.
  '--aptopt=Acquire::Check-Valid-Until "false"',
  '--aptopt=Acquire::Languages "none"',
  '--aptopt=APT::Install-Recommends "false"',
  '--dpkgopt=path-exclude=/usr/share/man/*',
  '--dpkgopt=path-exclude=/usr/share/locale/*',
  '--dpkgopt=path-exclude=/usr/share/doc/*',
  `--include=${PACKAGES.join(',')}`,
]

/** Folder in the trixie tree where the packages that become test extensions are downloaded to. */
const DOWNLOADS = 'var/cache/extsign'

/** Real packages to be made into extensions, by the names the tests use. */
export const FIXTURES = Object.freeze({
  strace: ['strace'],
  nginx: ['nginx', 'nginx-common'],
  python3: ['python3.13-minimal', 'libpython3.13-minimal', 'libpython3.13-stdlib'],
  // The package of this name is empty; it depends on the one with the modules.
  'kernel-modules': ['$(apt-cache depends linux-image-cloud-amd64 | sed -n "s/.*Depends: //p")'],
})

/** @type {Readonly<Record<TreeName, readonly string[]>>} */
const HOOKS = {
  trixie: Object.entries(FIXTURES).map(
    ([fixture, packages]) =>
      `--customize-hook=mkdir -p "$1/${DOWNLOADS}/${fixture}" && cd "$1/${DOWNLOADS}/${fixture}" && ` +
      `export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" && apt-get download ${packages.join(' ')}`,
  ),
  sid: [],
}

/**
 * The folder of a reference tree.
 * @param {TreeName} name
 */
export function treeFolder(name) {
  return join(cacheFolder(), 'trees', name)
}

/**
 * The folder with the `.deb` files of one fixture.
 * @param {string} fixture
 */
export function downloadFolder(fixture) {
  return join(treeFolder('trixie'), DOWNLOADS, fixture)
}

/**
 * Everything that decides what is in a tree.
 * @param {TreeName} name
 */
export function treeRecipe(name) {
  return [...OPTIONS, ...HOOKS[name], name, MIRROR]
}

/**
 * Builds a reference tree unless it is there. Needs root and mmdebstrap.
 * @param {TreeName} name
 */
export async function provideTree(name) {
  await provision(treeFolder(name), treeRecipe(name), async (folder) => {
    console.error(`building the ${name} tree in ${treeFolder(name)}`)
    await run('mmdebstrap', [...OPTIONS, ...HOOKS[name], name, folder, MIRROR])
  })
}
