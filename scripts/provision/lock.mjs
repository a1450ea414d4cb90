// @ts-check
/** One provisioning run at a time per cache folder; a lock whose owner is dead is taken over. */

import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/**
 * Runs `work` while holding the lock of `folder`.
 * @template Result
 * @param {string} folder
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function withLock(folder, work) {
  mkdirSync(folder, { recursive: true })
  const lock = join(folder, 'lock')
  let announced = false
  while (!take(lock)) {
    if (!announced) console.error(`waiting for another run that holds ${lock}`)
    announced = true
    await setTimeout(1000)
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { force: true })
  }
}

/**
 * Takes the lock, or removes it when its owner is gone so that the next try succeeds.
 * @param {string} lock
 */
function take(lock) {
  // A link appears with its content, so nobody ever reads a lock without an owner.
  const mine = `${lock}.${process.pid}`
  writeFileSync(mine, `${process.pid}\n`)
  try {
    linkSync(mine, lock)
    return true
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
    if (!isAlive(ownerOf(lock))) rmSync(lock, { force: true })
    return false
  } finally {
    rmSync(mine)
  }
}

/** @param {string} lock */
function ownerOf(lock) {
  try {
    return Number(readFileSync(lock, 'utf8'))
  } catch {
    return process.pid
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}
