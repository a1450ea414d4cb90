// @ts-check
/** The examiners the tests need on the host, and the Debian packages they come in. */

import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run } from './run.mjs'

/** What has to be there (a command, or a file by its path), and the Debian package that has it. */
const TOOLS = Object.freeze({
  '/usr/bin/time': 'time',
  '/usr/share/keyrings/debian-archive-keyring.gpg': 'debian-archive-keyring',
  '/usr/lib/softhsm/libsofthsm2.so': 'libsofthsm2',
  '/usr/share/OVMF/OVMF_CODE_4M.secboot.fd': 'ovmf',
  'cert-to-efi-sig-list': 'efitools',
  chroot: 'coreutils',
  cpio: 'cpio',
  'dpkg-deb': 'dpkg',
  'fsck.erofs': 'erofs-utils',
  'g++': 'g++',
  getfattr: 'attr',
  mcopy: 'mtools',
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.vfat': 'dosfstools',
  mksquashfs: 'squashfs-tools',
  mmdebstrap: 'mmdebstrap',
  mount: 'mount',
  openssl: 'openssl',
  'pkcs11-tool': 'opensc',
  'qemu-system-x86_64': 'qemu-system-x86',
  sbvarsign: 'sbsigntool',
  setcap: 'libcap2-bin',
  setfacl: 'acl',
  setpriv: 'util-linux',
  sfdisk: 'fdisk',
  'sign-efi-sig-list': 'efitools',
  'softhsm2-util': 'softhsm2',
  strace: 'strace',
  swtpm: 'swtpm',
  swtpm_setup: 'swtpm-tools',
  tar: 'tar',
  tpm2_sign: 'tpm2-tools',
  veritysetup: 'cryptsetup-bin',
  zstd: 'zstd',
})

// Debian's PATH of an ordinary user leaves out where half of these live.
const SYSTEM_FOLDERS = [
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
]

/**
 * The absolute path of a command of this machine, or undefined.
 * @param {string} name A command's name, or an absolute path that has to exist.
 * @returns {string | undefined}
 */
export function findTool(name) {
  if (name.startsWith('/')) return existsSync(name) ? name : undefined
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...SYSTEM_FOLDERS]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/** Whether this process may install packages, mount and chroot. */
export function isRoot() {
  return process.getuid?.() === 0
}

/**
 * Installs what is missing where that is allowed, and returns what is missing after that:
 * one sentence per thing.
 * @returns {Promise<string[]>}
 */
export async function provideHostTools() {
  const packages = [...new Set(missingTools().map(([, name]) => name))]
  if (packages.length > 0 && isRoot() && findTool('apt-get')) {
    console.error(`installing ${packages.join(', ')}`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const frozenMirror = ['-o', 'Acquire::Check-Valid-Until=false']
    await run('apt-get', ['update', ...frozenMirror], { env })
    await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { env })
  }
  return missingTools().map(([tool, name]) => `${tool} (Debian package ${name})`)
}

function missingTools() {
  return Object.entries(TOOLS).filter(([tool]) => !findTool(tool))
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
