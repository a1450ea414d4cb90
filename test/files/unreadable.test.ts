/** What an unprivileged user is told about files it may not use. Permissions do not bind root. */

import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { run } from '../support/run.ts'
import { writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { NOBODY } from '../support/unprivileged.ts'
import { bundle } from './bundle.ts'

const folder = temporaryFolder()
const tree = join(folder, 'tree')
for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
  writeFile(join(tree, 'usr', name), 'secret', 0o600)
}
writeFile(join(tree, 'usr/readable'), '')
mkdirSync(join(tree, 'usr/closed'), { mode: 0o700 })
const isRoot = process.getuid?.() === 0
// A user who is not root owns what it made, and is kept out all the same by a mode of 0.
if (!isRoot) {
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'closed']) chmodSync(join(tree, 'usr', name), 0)
}

const script = bundle(
  folder,
  'report',
  `import { scanDirectory } from './src/tree/from-directory.ts'
   import { readText } from './src/files/text.ts'
   import { openFileSource } from './src/files/file-source.ts'
   import { createOutput } from './src/files/output.ts'
   const [action, path] = process.argv.slice(2)
   const actions = { scanDirectory, readText, openFileSource, createOutput }
   try {
     await actions[action](path)
   } catch ({ code, message, hint }) {
     process.stdout.write(JSON.stringify({ code, message, hint }))
   }`,
)

function report(action: string, path: string): unknown {
  const { stdout } = run(process.execPath, [script, action, path], isRoot ? NOBODY : {})
  return JSON.parse(stdout)
}

describe.runIf(process.platform !== 'win32')('an unprivileged user', () => {
  test('is told which files of a tree it cannot read', () => {
    expect(report('scanDirectory', tree)).toEqual({
      code: 'UNREADABLE',
      message: `cannot read usr/a, usr/b, usr/c, usr/closed, usr/d and 2 more in ${tree}: permission denied`,
      hint: 'make them readable for this user, or exclude them',
    })
  })

  test('is told that the whole tree is closed', () => {
    const closed = join(tree, 'usr/closed')
    expect(report('scanDirectory', closed)).toMatchObject({ code: 'UNREADABLE' })
  })

  test.each(['readText', 'openFileSource'])('is denied the file by %s', (action) => {
    const path = join(tree, 'usr/a')
    const message = `cannot read ${path}: permission denied`
    expect(report(action, path)).toEqual({ code: 'DENIED', message })
  })

  test('is denied an output in a closed directory', () => {
    const path = join(tree, 'usr/closed/x.raw')
    const message = `cannot write ${path}: permission denied`
    expect(report('createOutput', path)).toEqual({ code: 'DENIED', message })
  })
})
