import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Patch } from '../../src/bytes/patch.ts'
import { patchedSource } from '../../src/bytes/patch.ts'
import { bytesSource } from '../../src/bytes/source.ts'
import { openFileSource } from '../../src/files/file-source.ts'
import { withLock } from '../../src/files/lock.ts'
import { finishReplacement, type Replacement, replaceBytes } from '../../src/files/replace-bytes.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const OLD = new Uint8Array(40_960).map((_, index) => index % 251)
let number = 0

function newFile(): string {
  const path = join(folder, `${number++}`)
  mkdirSync(path)
  writeFileSync(join(path, 'file'), OLD)
  return join(path, 'file')
}

const patch = (offset: number, size: number): Patch => ({
  offset,
  bytes: new Uint8Array(size).fill(0xff),
})
const CASES: readonly [string, readonly Patch[], number][] = [
  ['in one page', [patch(4096, 4096)], OLD.length],
  ['over two pages', [patch(4000, 200)], OLD.length],
  ['in several places', [patch(20_000, 9000), patch(0, 100), patch(40_000, 960)], OLD.length],
  ['behind the end', [patch(40_000, 10_000), patch(100, 8)], 50_000],
]

/** Replaces bytes of a file as it is now. */
async function replace(path: string, replacement: Replacement): Promise<number> {
  return withLock(path, async (file) => {
    const examined = await openFileSource(path)
    return replaceBytes(file, examined, replacement).finally(examined.close.bind(examined))
  })
}

async function expected(patches: readonly Patch[], size: number): Promise<Uint8Array> {
  return patchedSource(bytesSource(OLD), patches, size).read(0, size)
}

test.each(CASES)('replaces bytes %s', async (_, patches, size) => {
  const path = newFile()
  expect(await replace(path, { patches, size })).toBeGreaterThan(0)
  expect(new Uint8Array(readFileSync(path))).toEqual(await expected(patches, size))
  expect(readdirSync(join(path, '..'))).toEqual(['file'])
  expect(await replace(path, { patches, size })).toBe(0)
})

test('writes only what differs', async () => {
  const path = newFile()
  const bytes = OLD.slice(0, 8192)
  bytes[5000] = 0xff
  expect(await replace(path, { patches: [{ offset: 0, bytes }], size: OLD.length })).toBe(1)
})

test('a change that was decided is carried out from every state between old and new', async () => {
  const [, patches, size] = CASES[2]!
  const path = newFile()
  const done = await expected(patches, size)
  for (let sectors = 0; sectors <= size / 512; sectors += 9) {
    const torn = OLD.slice()
    torn.set(done.subarray(0, sectors * 512))
    writeFileSync(path, torn)
    writeFileSync(join(path, '../.file.change'), 'a journal')
    await withLock(path, async (file) => {
      const examined = await openFileSource(path)
      await finishReplacement(file, examined, { patches, size })
      await examined.close()
    })
    expect(new Uint8Array(readFileSync(path))).toEqual(done)
    expect(readdirSync(join(path, '..'))).toEqual(['file'])
  }
})

describe('nothing is written', () => {
  const [, patches, size] = CASES[2]!
  const cases: readonly [string, (path: string) => void, string][] = [
    ['where another file has the name now', (path) => renameSync(`${path}.copy`, path), 'IO'],
    ['where the file has other bytes now', (path) => writeFileSync(path, OLD.slice(1)), 'IO'],
    ['where the file has become longer', (path) => appendFileSync(path, 'x'), 'IO'],
    ['where the lock is gone', (path) => unlinkSync(join(path, '../.file.lock')), 'LOCKED'],
    [
      'through a link that took the place of the file',
      (path) => {
        rmSync(path)
        symlinkSync('file.copy', path)
      },
      'IO',
    ],
  ]
  test.each(cases)('%s', async (_, change, code) => {
    const path = newFile()
    copyFileSync(path, `${path}.copy`)
    await withLock(path, async (file) => {
      const examined = await openFileSource(path)
      change(path)
      const replacing = replaceBytes(file, examined, { patches, size })
      await expect(replacing).rejects.toThrow(expect.objectContaining({ code }))
      await examined.close()
    })
    expect(readdirSync(join(path, '..'))).not.toContain('.file.change')
    const copies = readdirSync(join(path, '..')).filter((name) => name === 'file.copy')
    for (const name of copies)
      expect(readFileSync(join(path, '..', name))).toEqual(Buffer.from(OLD))
  })
})

test.each([
  ['that is not there', 'missing', 'NOT_FOUND'],
  ['that is a folder', '.', 'NOT_A_FILE'],
])('a file %s is named', async (_, name, code) => {
  const path = join(newFile(), '..', name)
  await expect(replace(path, { patches: [patch(0, 1)], size: 1 })).rejects.toThrow(
    expect.objectContaining({ code }),
  )
})
