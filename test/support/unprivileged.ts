/** The command as somebody who is not root has it: installed where everybody may read. */

import { chownSync, cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** `nobody` of every Linux. */
export const NOBODY = { uid: 65_534, gid: 65_534 } as const

const ROOT = join(import.meta.dirname, '../..')
/** What the bundle loads at run time and does not contain. */
const EXTERNAL = 'node_modules/@bokuweb/zstd-wasm'

/** Installs the built command below `folder`, and returns the path of its script. */
export function installForEveryone(folder: string): string {
  const installed = join(folder, 'installed')
  for (const part of ['dist', 'package.json', EXTERNAL]) {
    cpSync(join(ROOT, part), join(installed, part), { recursive: true })
  }
  return join(installed, 'dist/bin/extsign.js')
}

/** Makes a folder that belongs to nobody. */
export function makeFolderOfNobody(path: string): string {
  mkdirSync(path)
  chownSync(path, NOBODY.uid, NOBODY.gid)
  return path
}
