import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { removeTree } from '../../src/files/remove-tree.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()

test('removes folders that forbid it, odd names, and symlinks but not what they lead to', async () => {
  const tree = join(folder, 'tree')
  const outside = join(folder, 'outside')
  mkdirSync(join(tree, 'closed/empty'), { recursive: true })
  mkdirSync(outside)
  writeFileSync(join(outside, 'kept'), '')
  writeFileSync(join(tree, 'closed/file'), '')
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/closed/`), Buffer.of(0xff, 0xfe)]), '')
  symlinkSync(outside, join(tree, 'closed/link'))
  symlinkSync('nowhere', join(tree, 'dangling'))
  chmodSync(join(tree, 'closed/empty'), 0)
  chmodSync(join(tree, 'closed'), 0o500)
  await removeTree(tree)
  expect(existsSync(tree)).toBe(false)
  expect(readdirSync(outside)).toEqual(['kept'])
})

test('removes a single file', async () => {
  const path = join(folder, 'file')
  writeFileSync(path, '')
  await removeTree(path)
  expect(existsSync(path)).toBe(false)
})
