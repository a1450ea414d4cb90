// @ts-check
/**
 * The tree that is built again and again: about 220 MiB of programs, libraries, scripts and
 * documentation from Debian packages, in a few thousand files.
 */

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, provision } from '../provision/cache.mjs'
import { layOut } from '../provision/packages.mjs'
import { run } from '../provision/run.mjs'

const SOURCE =
  'deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ' +
  'http://deb.debian.org/debian trixie main\n'

const PACKAGES = [
  'bash',
  'binutils-x86-64-linux-gnu',
  'coreutils',
  'cpp-14-x86-64-linux-gnu',
  'git',
  'libc6',
  'libperl5.40',
  'libpython3.13-minimal',
  'libpython3.13-stdlib',
  'libssl3t64',
  'nginx',
  'nginx-common',
  'openssh-client',
  'perl-modules-5.40',
  'python3.13-minimal',
  'strace',
  'systemd',
]

/**
 * The tree, downloaded and unpacked when it is not there yet.
 * @returns {Promise<string>}
 */
export async function providePackageTree() {
  const folder = join(cacheFolder(), 'bench')
  await provision(folder, [SOURCE, PACKAGES], async (fresh) => {
    console.error(`downloading ${PACKAGES.length} packages to ${folder}`)
    const downloads = await download(join(fresh, 'apt'))
    const tree = join(fresh, 'tree')
    mkdirSync(tree)
    for (const name of readdirSync(downloads).filter((file) => file.endsWith('.deb'))) {
      await run('dpkg-deb', ['-x', join(downloads, name), tree])
    }
    await layOut(tree)
    const release = join(tree, 'usr/lib/extension-release.d')
    mkdirSync(release, { recursive: true })
    writeFileSync(join(release, 'extension-release.bench'), 'ID=_any\n')
  })
  return join(folder, 'tree')
}

/**
 * Downloads with an apt of its own: neither the host's sources nor its installed packages matter.
 * @param {string} folder
 */
async function download(folder) {
  const downloads = join(folder, 'downloads')
  for (const path of ['state/lists/partial', 'cache/archives/partial', 'downloads']) {
    mkdirSync(join(folder, path), { recursive: true })
  }
  writeFileSync(join(folder, 'sources.list'), SOURCE)
  const options = [
    `Dir::State=${join(folder, 'state')}`,
    `Dir::State::status=/dev/null`,
    `Dir::Cache=${join(folder, 'cache')}`,
    `Dir::Etc::SourceList=${join(folder, 'sources.list')}`,
    'Dir::Etc::SourceParts=/dev/null',
    'Acquire::Languages=none',
    // A mirror that stands still has release files past their date, and they are still signed.
    'Acquire::Check-Valid-Until=false',
    'APT::Architecture=amd64',
    'APT::Sandbox::User=',
  ].flatMap((option) => ['-o', option])
  await run('apt-get', [...options, 'update'])
  await run('apt-get', [...options, 'download', ...PACKAGES], { cwd: downloads })
  return downloads
}
