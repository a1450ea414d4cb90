/** What a test needs from the machine, and what happens where it is missing. */

import { isProvisioned } from '../../scripts/provision/cache.mjs'
import { guestFolder, guestRecipe } from '../../scripts/provision/guests.mjs'
import { findTool, isRoot } from '../../scripts/provision/host-tools.mjs'
import { hasPkcs11js } from '../../scripts/provision/pkcs11js.mjs'
import { type TreeName, treeFolder, treeRecipe } from '../../scripts/provision/trees.mjs'

/**
 * The name of a command on the host, a reference tree, a guest for virtual machines, the compiled
 * package pkcs11js, or the right to mount and to change owners.
 */
export type Need = 'root' | 'pkcs11js' | `tree:${TreeName}` | `guest:${TreeName}` | (string & {})

/** Absolute path of a command of the host, which has to be there. */
export function tool(name: string): string {
  const path = findTool(name)
  if (!path) throw new Error(`${name} is missing: run node scripts/setup.mjs`)
  return path
}

/**
 * Whether everything is there. A missing thing is named; under `CI=true` it is an error, because a
 * skipped proof is no proof.
 */
export function available(...needs: readonly Need[]): boolean {
  const missing = needs.filter((need) => !isThere(need))
  if (missing.length === 0) return true
  const sentence = `missing ${missing.join(', ')}: run node scripts/setup.mjs as root`
  if (process.env.CI === 'true') throw new Error(sentence)
  console.warn(`skipped: ${sentence}`)
  return false
}

function isThere(need: Need): boolean {
  if (need === 'root') return isRoot()
  if (need === 'pkcs11js') return hasPkcs11js()
  for (const name of ['trixie', 'sid'] as const) {
    if (need === `tree:${name}`) return isProvisioned(treeFolder(name), treeRecipe(name))
    if (need === `guest:${name}`) return isProvisioned(guestFolder(name), guestRecipe(name))
  }
  return findTool(need) !== undefined
}
