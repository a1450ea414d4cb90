// @ts-check
/** Real Debian packages laid out as system extensions: only `usr/` and `opt/`, with merged `/usr`. */

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, provision } from './cache.mjs'
import { run } from './run.mjs'
import { downloadFolder, FIXTURES, treeRecipe } from './trees.mjs'

/** @typedef {keyof typeof FIXTURES} PackageName */

const MERGED = ['bin', 'sbin', 'lib', 'lib64']
const HIERARCHIES = new Set(['usr', 'opt'])

/**
 * The tree of a fixture, ready for `extsign sysext`; never to be written to.
 * @param {PackageName} fixture
 */
export function packageTree(fixture) {
  return join(cacheFolder(), 'packages', fixture, 'tree')
}

/** Unpacks every fixture that is not there yet; the trixie tree must be. */
export async function providePackages() {
  for (const fixture of /** @type {PackageName[]} */ (Object.keys(FIXTURES))) {
    const folder = join(cacheFolder(), 'packages', fixture)
    await provision(folder, ['merged /usr, times kept', treeRecipe('trixie')], async (fresh) => {
      const tree = join(fresh, 'tree')
      mkdirSync(tree)
      for (const name of readdirSync(downloadFolder('trixie', fixture))) {
        await run('dpkg-deb', ['-x', join(downloadFolder('trixie', fixture), name), tree])
      }
      await layOut(tree)
    })
  }
}

/**
 * Merges `/usr` and removes what an extension cannot hold.
 * @param {string} tree
 */
export async function layOut(tree) {
  for (const name of MERGED.filter((folder) => existsSync(join(tree, folder)))) {
    await run('cp', ['--archive', join(tree, name, '.'), join(tree, 'usr', name)])
  }
  for (const name of readdirSync(tree).filter((folder) => !HIERARCHIES.has(folder))) {
    rmSync(join(tree, name), { recursive: true })
  }
}
