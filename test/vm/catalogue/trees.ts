/** Trees at the limits of what a file system holds. */

import { linkSync, mkdirSync, renameSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { noise, prose, writeFile, writeFullTree, writeRelease } from '../../support/sample-trees.ts'
import { contentFolder } from './content-folder.ts'
import type { WriteTree } from './image.ts'

const MIB = 1 << 20

/** A tree with these files in its content folder. */
function withFiles(files: () => Iterable<readonly [path: string, Uint8Array | string]>): WriteTree {
  return (tree, kind, name) => {
    writeRelease(tree, kind, name)
    for (const [path, content] of files()) {
      writeFile(join(tree, contentFolder(kind, name), path), content)
    }
  }
}

/** One file of `size` bytes that nobody can compress. */
export function noiseOfSize(size: number, seed = 1): WriteTree {
  return withFiles(() => [['noise', noise(size, seed)]])
}

/** A line of text that is the image's own. */
export const writeSmall: WriteTree = (tree, kind, name) => {
  writeRelease(tree, kind, name)
  writeFile(join(tree, contentFolder(kind, name), 'name'), `${name}\n`)
}

/** Everything a file system can hold. */
export const writeEverything: WriteTree = (tree, kind, name) => {
  const scratch = `${tree}.scratch`
  writeFullTree(scratch, name)
  truncateSync(join(scratch, 'usr/share/sizes/sparse'), 2 * MIB)
  const content = join(tree, contentFolder(kind, name))
  mkdirSync(content, { recursive: true })
  for (const hierarchy of ['usr', 'opt']) {
    renameSync(join(scratch, hierarchy), join(content, hierarchy))
  }
  rmSync(scratch, { recursive: true })
  writeRelease(tree, kind, name)
}

export const writeManyFiles = withFiles(function* () {
  for (let index = 0; index < 2000; index += 1) yield [`${index % 50}/${index}`, `${index}`]
})

export const writeLargeFile = withFiles(function* () {
  const part = new Uint8Array([...noise(MIB, 5), ...prose(MIB, 6)])
  const content = new Uint8Array(8 * MIB)
  for (let offset = 0; offset < content.length; offset += part.length) content.set(part, offset)
  yield ['large', content]
})

export const writeDeepTree = withFiles(() => [[`${'d/'.repeat(900)}bottom`, 'deep']])

/** Names of the greatest length in a path of nearly the greatest length, and names of all bytes. */
export const writeLongNames = withFiles(function* () {
  const longest = Array.from({ length: 14 }, (_, depth) =>
    String.fromCharCode(97 + depth).repeat(255),
  )
  yield [longest.join('/'), 'long']
  for (let code = 1; code < 256; code += 1) {
    const character = String.fromCharCode(code)
    if (character !== '/') yield [`characters/${character.repeat(100)}`, character]
  }
})

/** As many links to one file as ext4 allows. */
export const HARD_LINKS = 65_000

export const writeHardLinks: WriteTree = (tree, kind, name) => {
  writeRelease(tree, kind, name)
  const folder = join(tree, contentFolder(kind, name))
  const first = join(folder, 'few/0')
  writeFile(first, 'one file of many names\n')
  for (let index = 1; index < 10; index += 1) linkSync(first, join(folder, 'few', `${index}`))
  mkdirSync(join(folder, 'many'))
  for (let index = 10; index < HARD_LINKS; index += 1) {
    linkSync(first, join(folder, 'many', `${index}`))
  }
}
