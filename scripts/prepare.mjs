// @ts-check
/** What every script needs before it starts: the packages of the lock file, and a fresh build. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npmVisibly } from './provision/npm.mjs'
import { runVisibly } from './provision/run.mjs'

/** The folder of this repository. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The built command. */
export const EXTSIGN = join(ROOT, 'dist', 'bin', 'extsign.js')

const INPUTS = ['src', 'scripts/build.mjs', 'package.json', 'package-lock.json']

/** Installs what the lock file names and builds what is older than its sources. Throws on failure. */
export async function prepare() {
  if (!isInstalled()) {
    await demand('installing the packages', npmVisibly(['ci', '--ignore-scripts'], { cwd: ROOT }))
  }
  if (!isBuilt()) {
    const build = runVisibly(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], { cwd: ROOT })
    await demand('building', build)
  }
}

/** @param {string} step @param {Promise<number>} status */
async function demand(step, status) {
  if ((await status) !== 0) throw new Error(`${step} failed`)
}

/** npm keeps a copy of the lock file it installed from, without the entries of other platforms. */
function isInstalled() {
  const installed = lockedVersions('node_modules/.package-lock.json')
  const wanted = lockedVersions('package-lock.json')
  if (!installed || !wanted) return false
  return Object.entries(wanted).every(([path, { version, optional }]) =>
    path === '' || (optional && !installed[path]) ? true : installed[path]?.version === version,
  )
}

/**
 * @param {string} path
 * @returns {Record<string, { version: string, optional?: boolean }> | undefined}
 */
function lockedVersions(path) {
  try {
    return JSON.parse(readFileSync(join(ROOT, path), 'utf8')).packages
  } catch {
    return undefined
  }
}

function isBuilt() {
  const built = statSync(EXTSIGN, { throwIfNoEntry: false })
  return (
    built !== undefined && INPUTS.every((path) => newestTime(join(ROOT, path)) <= built.mtimeMs)
  )
}

/**
 * @param {string} path
 * @returns {number}
 */
function newestTime(path) {
  const { mtimeMs } = statSync(path)
  if (!statSync(path).isDirectory()) return mtimeMs
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newestTime(join(path, name))))
}
