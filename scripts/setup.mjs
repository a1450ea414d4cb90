// @ts-check
/**
 * Everything the tests need besides this repository: host tools, reference trees, guests of virtual
 * machines, real packages, Node releases, a compiled package. Kept in `$EXTSIGN_CACHE` (`~/.cache/extsign`); what is there
 * stays as it is.
 *
 *     node scripts/setup.mjs
 */

import { pathToFileURL } from 'node:url'
import { provideAcceleration } from './provision/acceleration.mjs'
import { cacheFolder } from './provision/cache.mjs'
import { provideGuest } from './provision/guests.mjs'
import { findTool, isRoot, provideHostTools } from './provision/host-tools.mjs'
import { withLock } from './provision/lock.mjs'
import { provideNodeVersions } from './provision/node-versions.mjs'
import { providePackages } from './provision/packages.mjs'
import { providePkcs11js } from './provision/pkcs11js.mjs'
import { provideTree } from './provision/trees.mjs'

/** @typedef {import('./provision/trees.mjs').TreeName} TreeName */

/**
 * Provides what can be provided, and returns what cannot: one sentence per thing.
 * @returns {Promise<string[]>}
 */
export function setUp() {
  return withLock(cacheFolder(), async () => {
    if (process.platform !== 'linux') return ['Linux, which every tool that examines images needs']
    const missing = await provideHostTools()
    await providePkcs11js()
    await provideNodeVersions()
    if (!isRoot()) return [...missing, 'root, to enter the reference trees and to mount images']
    if (!findTool('mmdebstrap')) return missing
    const provideAll = async (/** @type {TreeName} */ name) => {
      await provideTree(name)
      if (missing.length === 0) await provideGuest(name)
    }
    await Promise.all([provideAll('trixie'), provideAll('sid')])
    if (missing.length === 0) await provideAcceleration()
    await providePackages()
    return missing
  })
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const missing = await setUp()
  for (const thing of missing) console.error(`missing: ${thing}`)
  process.exitCode = missing.length > 0 ? 1 : 0
}
