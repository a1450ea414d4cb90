import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import * as promises from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type RemovalSystem, removeTree } from '../../src/files/remove-tree.ts'
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

/** A folder in a folder, and so on, each with a file. No path leads to the last of 400 of them. */
const DEEP_NAME = 'd'.repeat(50)

function makeDeep(top: string, depth: number): void {
  for (let made = 0; made < depth; made++) {
    const folder = join(top, DEEP_NAME)
    const above = join(top, 'above')
    mkdirSync(above)
    if (made > 0) renameSync(folder, join(above, DEEP_NAME))
    writeFileSync(join(above, 'file'), '')
    renameSync(above, folder)
  }
}

/** The system, and how many calls of it there were, with how many bytes of paths. */
function countingSystem(more: Partial<RemovalSystem> = {}) {
  const counted = { calls: 0, longest: 0 }
  const count =
    <Rest extends readonly unknown[], Result>(call: (path: Buffer, ...rest: Rest) => Result) =>
    (path: Buffer, ...rest: Rest): Result => {
      counted.calls++
      counted.longest = Math.max(counted.longest, path.length)
      return call(path, ...rest)
    }
  const system: RemovalSystem = {
    isDirectory: count(async (path) => (await promises.lstat(path)).isDirectory()),
    chmod: count(promises.chmod),
    readdir: count((path) => promises.readdir(path, { encoding: 'buffer', withFileTypes: true })),
    rename: count(more.rename ?? promises.rename),
    rmdir: count(promises.rmdir),
    unlink: count(promises.unlink),
  }
  return { system, counted }
}

test('a tree takes calls by its entries, and short paths, however deep it is', async () => {
  const depth = 400
  const tree = join(folder, 'deep')
  mkdirSync(tree)
  makeDeep(tree, depth)
  const { system, counted } = countingSystem()
  await removeTree(tree, system)
  expect(existsSync(tree)).toBe(false)
  expect(counted.calls).toBeLessThan(5 * depth + 10)
  expect(counted.longest).toBeLessThan(tree.length + 150)
})

test('where the system moves no folder it is removed where it is', async () => {
  const tree = join(folder, 'unmoved')
  for (const path of ['a/b/c', 'a/b/d/e', 'f']) mkdirSync(join(tree, path), { recursive: true })
  writeFileSync(join(tree, 'a/b/d/file'), '')
  const refused = Object.assign(new Error('no'), { code: 'EXDEV', syscall: 'rename' })
  const { system } = countingSystem({ rename: () => Promise.reject(refused) })
  await removeTree(tree, system)
  expect(existsSync(tree)).toBe(false)
})
