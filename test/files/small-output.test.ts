import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newPartialPath } from '../../src/files/partial.ts'
import { writeSmallFile } from '../../src/files/small-output.ts'
import { temporaryFolder } from '../support/temporary.ts'

const parent = temporaryFolder()
const folder = () => mkdtempSync(join(parent, 'case-'))

test('a file appears, for its owner alone, in folders that are made', () => {
  const path = join(folder(), 'deep/down/web.cred')
  writeSmallFile(path, 'secret', false)
  expect(readFileSync(path, 'utf8')).toBe('secret')
  if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readdirSync(join(path, '..'))).toEqual(['web.cred'])
})

test('an existing one is replaced by force alone', () => {
  const path = join(folder(), 'web.cred')
  writeSmallFile(path, 'old', false)
  expect(() => writeSmallFile(path, 'new', false)).toThrow('it exists already')
  expect(readFileSync(path, 'utf8')).toBe('old')
  writeSmallFile(path, 'new', true)
  expect(readFileSync(path, 'utf8')).toBe('new')
  expect(readdirSync(join(path, '..'))).toEqual(['web.cred'])
})

test('a folder is never replaced', () => {
  const path = join(folder(), 'web.cred')
  mkdirSync(path)
  for (const force of [false, true]) {
    expect(() => writeSmallFile(path, '', force)).toThrow(`${path} is a directory`)
  }
  expect(readdirSync(join(path, '..'))).toEqual(['web.cred'])
})

test.runIf(process.platform !== 'win32')('nor is a socket', async () => {
  const path = join(folder(), 'socket')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  expect(() => writeSmallFile(path, '', true)).toThrow(`${path} is not a regular file`)
  expect(lstatSync(path).isSocket()).toBe(true)
  await new Promise((resolve) => server.close(resolve))
})

/** The names that extsign gave to files in the making until 0.1. */
const before = (path: string) => `${path}/.web.cred.${process.pid}.partial`

test('what another process with the same id has left is no obstacle, and goes', () => {
  const work = folder()
  const path = join(work, 'web.cred')
  const [start] = /-[0-9]+-[0-9a-f]{12}\.partial$/.exec(newPartialPath(path)) ?? []
  // The same process id, of a process that started a moment before.
  const stale = newPartialPath(path).replace(
    /-[0-9]+-[0-9a-f]{12}\.partial$/,
    '-1-000000000000.partial',
  )
  expect(start).toBeDefined()
  writeFileSync(stale, 'half')
  writeFileSync(before(work), 'half')
  writeSmallFile(path, 'whole', false)
  const left =
    process.platform === 'linux' ? ['web.cred'] : ['web.cred', stale.slice(work.length + 1)]
  expect(readdirSync(work).sort()).toEqual([before(work).slice(work.length + 1), ...left].sort())
})
