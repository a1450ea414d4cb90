/**
 * Files that belong together, such as an image and its root hash: all of them appear or none, also
 * where the process is killed while they get their names.
 */

import { lstat, unlink } from 'node:fs/promises'
import { createOutput, type Output, type OutputOptions } from './output.ts'
import { findStalePartials, removeStalePartials } from './partial.ts'

export interface OutputFile extends OutputOptions {
  readonly path: string
}

/**
 * Starts several files, in the order in which `commitOutputs` shall have them.
 *
 * Where a process was killed while it gave them their names, those that have one are removed first,
 * unless the last has one: then all were there.
 *
 * @throws FileError as {@link createOutput}; nothing is left then
 */
export async function createOutputs(files: readonly OutputFile[]): Promise<Output[]> {
  await removeHalf(files.map(({ path }) => path))
  for (const { path } of files) await removeStalePartials(path)
  const outputs: Output[] = []
  try {
    for (const { path, ...options } of files) outputs.push(await createOutput(path, options))
    return outputs
  } catch (error) {
    for (const output of outputs) await output.abort()
    throw error
  }
}

/** A file that has its name and still the one it was made under is one of several that was placed. */
async function removeHalf(paths: readonly string[]): Promise<void> {
  const last = paths.at(-1)
  if (last === undefined || (await find(last))) return
  for (const path of paths) {
    const found = await find(path)
    if (!found) continue
    const partials = await findStalePartials(path)
    const isHalf = partials.some(({ dev, ino }) => dev === found.dev && ino === found.ino)
    // Its other name goes later: without that it would not be known as half.
    if (isHalf) await unlink(path).catch(() => undefined)
  }
}

async function find(path: string) {
  return lstat(path).catch(() => undefined)
}
