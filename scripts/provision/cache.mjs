// @ts-check
/**
 * Where provisioned things live, and how they get there: built under another name, stamped,
 * renamed. What carries the stamp of today's recipe is complete and is used as it is.
 */

import { createHash } from 'node:crypto'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'

const STAMP = '.provisioned'

/** The cache folder: `$EXTSIGN_CACHE`, else `extsign` in the user's cache folder. */
export function cacheFolder() {
  const userCache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  return process.env.EXTSIGN_CACHE || join(userCache, 'extsign')
}

/**
 * Whether `folder` was completed by this very recipe.
 * @param {string} folder
 * @param {unknown} recipe
 */
export function isProvisioned(folder, recipe) {
  try {
    return readFileSync(join(folder, STAMP), 'utf8') === stampOf(recipe)
  } catch {
    return false
  }
}

/**
 * When `folder` was completed, in milliseconds; undefined where it is not there.
 * @param {string} folder
 */
export function provisionedAt(folder) {
  return statSync(join(folder, STAMP), { throwIfNoEntry: false })?.mtimeMs
}

/**
 * Makes `folder` by letting `fill` fill an empty one beside it, unless the recipe is done already.
 * Leftovers of earlier runs are removed, so the caller must hold the lock of the cache.
 * @param {string} folder
 * @param {unknown} recipe JSON value; whatever changes the result belongs into it.
 * @param {(folder: string) => Promise<void>} fill
 */
export async function provision(folder, recipe, fill) {
  if (isProvisioned(folder, recipe)) return
  const parent = dirname(folder)
  mkdirSync(parent, { recursive: true })
  const leftover = `.${basename(folder)}.`
  for (const name of readdirSync(parent)) {
    if (name.startsWith(leftover)) remove(join(parent, name))
  }
  const fresh = join(parent, `${leftover}new`)
  const old = join(parent, `${leftover}old`)
  mkdirSync(fresh)
  await fill(fresh)
  writeFileSync(join(fresh, STAMP), stampOf(recipe))
  renameIfPresent(folder, old)
  renameSync(fresh, folder)
  remove(old)
}

/** @param {unknown} recipe */
function stampOf(recipe) {
  return `${createHash('sha256').update(JSON.stringify(recipe)).digest('hex')}\n`
}

/** @param {string} from @param {string} to */
function renameIfPresent(from, to) {
  try {
    renameSync(from, to)
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error
  }
}

/** @param {string} path */
function remove(path) {
  rmSync(path, { recursive: true, force: true })
}
