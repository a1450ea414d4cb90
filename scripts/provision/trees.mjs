// @ts-check
/**
 * Reference trees: two Debian releases with the tools that examine our images, to be entered with
 * chroot. One has systemd 257, the other 262. The guests of the virtual machines are made of them.
 */

import { join } from 'node:path'
import { cacheFolder, provision } from './cache.mjs'
import { run } from './run.mjs'

/** @typedef {'trixie' | 'sid'} TreeName */

const MIRROR = 'http://deb.debian.org/debian'

/** What examines images. */
const EXAMINERS = [
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

/** What makes a machine boot with Secure Boot and a TPM, and what looks at it from inside. */
const MACHINERY = [
  'systemd-sysv',
  'systemd-boot-efi',
  'systemd-cryptsetup',
  'systemd-ukify',
  'python3-virt-firmware',
  'udev',
  'kmod',
  'dbus',
  'dmsetup',
  'e2fsprogs',
  'attr',
  'libcap2-bin',
  'keyutils',
  'mokutil',
  'tpm2-tools',
  // Opened at run time by systemd and tpm2-tools.
  'libtss2-esys-3.0.2-0t64',
  'libtss2-mu-4.0.1-0t64',
  'libtss2-rc0t64',
  'libtss2-tcti-device0t64',
  'libtss2-tcti-swtpm0t64',
]

/** @type {Readonly<Record<TreeName, readonly string[]>>} */
const PACKAGES = {
  trixie: [...EXAMINERS, ...MACHINERY],
  sid: [...EXAMINERS, ...MACHINERY, 'systemd-tpm'],
}

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
]

/** Folder in a tree where packages are downloaded to that are not installed in it. */
const DOWNLOADS = 'var/cache/extsign'

/**
 * The packages of the newest kernel: one in trixie, several in sid. Not installed, because that
 * would build an initrd nobody boots.
 */
const KERNEL_PACKAGES = Object.freeze([
  '$(apt-get install --simulate linux-image-cloud-amd64 | ' +
    'sed -n "s/^Inst \\(linux-[a-z]*-[0-9][^ ]*\\) .*/\\1/p")',
])

/** Real packages to be made into extensions, by the names the tests use. */
export const FIXTURES = Object.freeze({
  strace: ['strace'],
  nginx: ['nginx', 'nginx-common'],
  python3: ['python3.13-minimal', 'libpython3.13-minimal', 'libpython3.13-stdlib'],
  'kernel-modules': KERNEL_PACKAGES,
})

/** @type {Readonly<Record<TreeName, Readonly<Record<string, readonly string[]>>>>} */
const DOWNLOADED = {
  trixie: FIXTURES,
  sid: { 'kernel-modules': KERNEL_PACKAGES },
}

/**
 * The folder of a reference tree.
 * @param {TreeName} name
 */
export function treeFolder(name) {
  return join(cacheFolder(), 'trees', name)
}

/**
 * The folder with downloaded `.deb` files.
 * @param {TreeName} name
 * @param {string} download
 */
export function downloadFolder(name, download) {
  return join(treeFolder(name), DOWNLOADS, download)
}

/**
 * Everything that decides what is in a tree.
 * @param {TreeName} name
 */
export function treeRecipe(name) {
  return treeArguments(name, 'folder')
}

/**
 * Builds a reference tree unless it is there. Needs root and mmdebstrap.
 * @param {TreeName} name
 */
export async function provideTree(name) {
  await provision(treeFolder(name), treeRecipe(name), async (folder) => {
    console.error(`building the ${name} tree in ${treeFolder(name)}`)
    await run('mmdebstrap', treeArguments(name, folder))
  })
}

/**
 * @param {TreeName} name
 * @param {string} folder
 */
function treeArguments(name, folder) {
  const hooks = Object.entries(DOWNLOADED[name]).map(
    ([download, packages]) =>
      `--customize-hook=mkdir -p "$1/${DOWNLOADS}/${download}" && cd "$1/${DOWNLOADS}/${download}" && ` +
      `export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" && apt-get download ${packages.join(' ')}`,
  )
  return [...OPTIONS, `--include=${PACKAGES[name].join(',')}`, ...hooks, name, folder, MIRROR]
}
