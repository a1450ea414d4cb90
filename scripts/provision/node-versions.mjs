// @ts-check
/** The Node releases whose output must not differ, from the npm registry. */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, provision } from './cache.mjs'
import { npm } from './npm.mjs'
import { run } from './run.mjs'

/** The oldest release we run on, and the ones after it. */
export const NODE_VERSIONS = Object.freeze(['20.19', '22', '24'])

/**
 * The folder of one Node release.
 * @param {string} version
 */
function nodeFolder(version) {
  return join(cacheFolder(), 'node', version)
}

/**
 * The executable of one Node release.
 * @param {string} version One of {@link NODE_VERSIONS}.
 */
export function nodeBinary(version) {
  return join(nodeFolder(version), 'bin', 'node')
}

/** Downloads the releases that are not there yet. */
export async function provideNodeVersions() {
  await Promise.all(NODE_VERSIONS.map(provideNode))
}

/** @param {string} version */
async function provideNode(version) {
  const name = `node-${process.platform}-${process.arch}@${version}`
  await provision(nodeFolder(version), name, async (folder) => {
    console.error(`downloading ${name}`)
    const archive = (await npm(['pack', name, '--silent', '--pack-destination', folder])).trim()
    await run('tar', ['-xzf', archive, '--strip-components=1', 'package/bin/node'], { cwd: folder })
    rmSync(join(folder, archive))
  })
}
