import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { withLock } from '../../src/files/lock.ts'
import { ownIdentity } from '../../src/files/process-identity.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { bundle } from './bundle.ts'

const folder = temporaryFolder()
let number = 0

/** A file in a folder of its own. */
function newFile(): string {
  const place = join(folder, `${number++}`)
  mkdirSync(place)
  writeFileSync(join(place, 'file'), '0')
  return join(place, 'file')
}

const lockOf = (path: string) => join(path, '../.file.lock')
const mark = (identity: string) => `extsign-lock-1 ${identity} 0123456789abcdef host`
/** The identity of a process that cannot be there. */
const DEAD = ownIdentity().replace(/-[0-9]+-[0-9]+$/, '-2000000000-1')
const locked = expect.objectContaining({ code: 'LOCKED' })

test('a lock names its owner, and is gone afterwards', async () => {
  const path = newFile()
  await withLock(path, async (file) => {
    expect(file.path).toBe(path)
    expect(readlinkSync(lockOf(path))).toContain(ownIdentity())
    await file.assertHeld()
  })
  expect(readdirSync(join(path, '..'))).toEqual(['file'])
  await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(readdirSync(join(path, '..'))).toEqual(['file'])
})

test('while it is held, no other gets it, under whatever name the file is called', async () => {
  const path = newFile()
  symlinkSync('file', `${path}.link`)
  await withLock(path, async () => {
    await expect(withLock(path, async () => undefined)).rejects.toThrow(locked)
    await expect(withLock(`${path}.link`, async () => undefined)).rejects.toThrow(
      /being changed by this process/,
    )
  })
  await withLock(`${path}.link`, async (file) => expect(file.path).toBe(path))
})

test('a file that is not there is named as one that is read', async () => {
  const path = `${newFile()}.missing`
  await expect(withLock(path, async () => undefined)).rejects.toThrow(
    `cannot read ${path}: no such file`,
  )
})

test('a lock that was taken away is noticed, and that of another is not removed', async () => {
  const path = newFile()
  await withLock(path, async (file) => {
    unlinkSync(lockOf(path))
    await expect(file.assertHeld()).rejects.toThrow(locked)
    symlinkSync(mark(ownIdentity()), lockOf(path))
  })
  expect(readlinkSync(lockOf(path))).toBe(mark(ownIdentity()))
})

test('the lock of a process that has ended is taken over', async () => {
  const path = newFile()
  symlinkSync(mark(DEAD), lockOf(path))
  expect(await withLock(path, async () => readdirSync(join(path, '..')))).toHaveLength(2)
  expect(readdirSync(join(path, '..'))).toEqual(['file'])
})

describe('a lock whose owner may still be there stays', () => {
  const place: readonly [string, (lock: string) => void][] = [
    ['of this process', (lock) => symlinkSync(mark(ownIdentity()), lock)],
    ['of another container', (lock) => symlinkSync(mark(DEAD.replace(/^.{8}/, 'ffffffff')), lock)],
    ['of another format', (lock) => symlinkSync('somewhere', lock)],
    ['that is an empty file', (lock) => writeFileSync(lock, '')],
    ['that is a large file', (lock) => writeFileSync(lock, 'x'.repeat(100_000))],
    ['that is a folder', (lock) => mkdirSync(lock)],
    ['that is a fifo', (lock) => spawnSync('mkfifo', [lock])],
  ]
  test.skipIf(process.platform === 'win32').each(place)('%s', async (_, make) => {
    const path = newFile()
    make(lockOf(path))
    const { ino } = lstatSync(lockOf(path))
    await expect(withLock(path, async () => undefined)).rejects.toThrow(
      expect.objectContaining({ code: 'LOCKED', hint: expect.stringContaining('.file.lock') }),
    )
    expect(lstatSync(lockOf(path)).ino).toBe(ino)
  })
})

test('a file in place of a link, as where there are no links, is a lock like any other', async () => {
  const path = newFile()
  writeFileSync(lockOf(path), mark(ownIdentity()))
  await expect(withLock(path, async () => undefined)).rejects.toThrow(/this process/)
  writeFileSync(lockOf(path), mark(DEAD))
  await withLock(path, async () => undefined)
  expect(readdirSync(join(path, '..'))).toEqual(['file'])
})

test('a process of another container is not this one, though it has the same number', async () => {
  const path = newFile()
  symlinkSync(mark(ownIdentity().replace(/^[0-9a-f]{8}/, 'ffffffff')), lockOf(path))
  const locking = withLock(path, async () => undefined)
  const owner = `process ${process.pid} on host, which cannot be seen from here`
  await expect(locking).rejects.toThrow(owner)
})

test('the longest name has a lock, and no two names have the same', async () => {
  const path = newFile()
  const names = ['a', 'b'].map((end) => join(path, '..', 'n'.repeat(254) + end))
  for (const name of names) renameSync(newFile(), name)
  await withLock(names[0]!, () => withLock(names[1]!, async () => undefined))
})

/** Counts in a file, and dies now and then in the middle, with the lock. */
const counter = bundle(
  folder,
  'counter',
  `import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
   import { setTimeout } from 'node:timers/promises'
   import { withLock } from './src/files/lock.ts'
   const [path, turns, deadly] = process.argv.slice(2)
   for (let done = 0; done < Number(turns); ) {
     try {
       await withLock(path, async (file) => {
         appendFileSync(path + '.log', 'in ' + process.pid + '\\n')
         const count = Number(readFileSync(path, 'utf8'))
         await setTimeout(Math.random() * 2)
         if (Math.random() < Number(deadly)) {
           appendFileSync(path + '.log', 'out ' + process.pid + '\\n')
           process.kill(process.pid, 'SIGKILL')
         }
         await file.assertHeld()
         writeFileSync(path, String(count + 1))
         appendFileSync(path + '.log', 'out ' + process.pid + '\\n')
       })
       done++
     } catch (error) {
       if (error.code !== 'LOCKED') throw error
       await setTimeout(Math.random() * 3)
     }
   }`,
)

async function count(path: string, turns: number, deadly: number): Promise<ChildProcess> {
  const argv = [counter, path, String(turns), String(deadly)]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] })
  await once(child, 'exit')
  return child
}

/** Every line "in" is followed by an "out" of the same process. */
function expectNoTwoInside(path: string): void {
  const lines = readFileSync(`${path}.log`, 'utf8').trim().split('\n')
  for (let index = 0; index < lines.length; index += 2) {
    expect(lines[index + 1]).toBe(lines[index]!.replace('in', 'out'))
  }
}

test('of many processes one at a time is inside', async () => {
  const path = newFile()
  const children = await Promise.all(Array.from({ length: 6 }, () => count(path, 25, 0)))
  expect(children.map(({ exitCode }) => exitCode)).toEqual(Array(6).fill(0))
  expect(readFileSync(path, 'utf8')).toBe('150')
  expectNoTwoInside(path)
})

test('of many that find a dead owner one at a time takes over, and may die as well', async () => {
  const path = newFile()
  symlinkSync(mark(DEAD), lockOf(path))
  const mortal = await Promise.all(Array.from({ length: 8 }, () => count(path, 25, 0.1)))
  expect(mortal.some(({ signalCode }) => signalCode === 'SIGKILL')).toBe(true)
  expectNoTwoInside(path)
  await withLock(path, async () => undefined)
  expect(readdirSync(join(path, '..')).sort()).toEqual(['file', 'file.log'])
})
