/** With a manifest, somebody who is not root builds the very image that root builds of the tree. */

import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { describeTree, type Entry } from '../support/describe-tree.ts'
import { fullManifest, xattrManifest } from '../support/manifest.ts'
import { output, type RunOptions } from '../support/run.ts'
import { writeFullTree } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'
import { installForEveryone, makeFolderOfNobody, NOBODY } from '../support/unprivileged.ts'

const SOURCE_DATE_EPOCH = `${2 ** 33}`

describe.runIf(available('root', 'setcap', 'setfattr', 'setfacl'))('a manifest', () => {
  const folder = temporaryFolder()
  const tree = join(folder, 'tree')
  const copy = join(folder, 'copy')
  const work = join(folder, 'work')
  let script: string
  let source: Record<string, Entry>

  beforeAll(() => {
    script = installForEveryone(folder)
    makeFolderOfNobody(work)
    writeFullTree(tree, 'sample')
    source = describeTree(tree)
    copyContents(tree, source, copy)
  })

  test.each(['none', 'zstd'])('is as good as being root: compression %s', (compression) => {
    const root = build(tree, xattrManifest(source), ['--compression', compression])
    const nobody = build(copy, fullManifest(source), ['--compression', compression], NOBODY)
    expect(Buffer.compare(nobody, root)).toBe(0)
  })

  function build(
    from: string,
    manifest: string,
    more: readonly string[],
    as: RunOptions = {},
  ): Uint8Array {
    const image = join(work, 'sample.raw')
    const metadata = join(work, 'metadata')
    writeFileSync(metadata, manifest)
    const args = ['sysext', from, '--output', image, '--unsigned', '--force', '--preserve-owner']
    const options = { env: { PATH: '', SOURCE_DATE_EPOCH }, ...as }
    output(process.execPath, [script, ...args, '--metadata', metadata, ...more], options)
    const bytes = readFileSync(image)
    output(tool('rm'), [image])
    return bytes
  }
})

/** Copies folders, files, symbolic and hard links, and nothing about them. */
function copyContents(tree: string, entries: Readonly<Record<string, Entry>>, to: string): void {
  mkdirSync(to)
  for (const [path, { kind, link, content }] of Object.entries(entries)) {
    const target = bytes(`${to}${path}`)
    if (link !== undefined && link !== path) linkSync(bytes(`${to}${link}`), target)
    else if (kind === 'directory') mkdirSync(target)
    else if (kind === 'symlink') symlinkSync(bytes(content!), target)
    else if (kind === 'file') copyFileSync(bytes(`${tree}${path}`), target)
  }
  output(tool('chmod'), ['--recursive', 'a+rX', to])
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1')
}
