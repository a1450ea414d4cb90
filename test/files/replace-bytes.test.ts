import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Patch } from '../../src/bytes/patch.ts'
import { patchedSource } from '../../src/bytes/patch.ts'
import { bytesSource } from '../../src/bytes/source.ts'
import { openFileSource } from '../../src/files/file-source.ts'
import { readJournal } from '../../src/files/pending-change.ts'
import { finishReplacement, replaceBytes } from '../../src/files/replace-bytes.ts'
import { encodeChangeJournal } from '../../src/formats/change-journal.ts'
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

async function expected(patches: readonly Patch[], size: number): Promise<Uint8Array> {
  return patchedSource(bytesSource(OLD), patches, size).read(0, size)
}

test.each(CASES)('replaces bytes %s', async (_, patches, size) => {
  const path = newFile()
  expect(await replaceBytes(path, { patches, size })).toBeGreaterThan(0)
  expect(new Uint8Array(readFileSync(path))).toEqual(await expected(patches, size))
  expect(readdirSync(join(path, '..'))).toEqual(['file'])
  expect(await replaceBytes(path, { patches, size })).toBe(0)
})

test('writes only what differs', async () => {
  const path = newFile()
  const bytes = OLD.slice(0, 8192)
  bytes[5000] = 0xff
  expect(await replaceBytes(path, { patches: [{ offset: 0, bytes }], size: OLD.length })).toBe(1)
})

describe('a change that was decided', () => {
  const journalOf = async (patches: readonly Patch[], newSize: number) =>
    encodeChangeJournal({
      oldSize: OLD.length,
      newSize,
      changes: patches.map((each) => ({
        ...each,
        old: OLD.slice(each.offset, each.offset + each.bytes.length),
      })),
    })

  test.each(CASES)(
    'is seen by readers and finished by the next writer: %s',
    async (_, patches, size) => {
      const path = newFile()
      const journal = join(path, '../.file.change')
      writeFileSync(journal, await journalOf(patches, size))
      const file = await openFileSource(path)
      const found = await readJournal(path, file)
      await file.close()
      expect(found?.newSize).toBe(size)
      expect(await finishReplacement(path)).toBe(true)
      expect(await finishReplacement(path)).toBe(false)
      expect(new Uint8Array(readFileSync(path))).toEqual(await expected(patches, size))
      expect(readdirSync(join(path, '..'))).toEqual(['file'])
    },
  )

  test('is finished from every state between old and new', async () => {
    const [, patches, size] = CASES[2]!
    const path = newFile()
    const done = await expected(patches, size)
    for (let sectors = 0; sectors <= size / 512; sectors += 9) {
      const torn = OLD.slice()
      torn.set(done.subarray(0, sectors * 512))
      writeFileSync(path, torn)
      writeFileSync(join(path, '../.file.change'), await journalOf(patches, size))
      expect(await finishReplacement(path)).toBe(true)
      expect(new Uint8Array(readFileSync(path))).toEqual(done)
    }
  })

  test('of another file says nothing, and makes room for the next', async () => {
    const [, patches, size] = CASES[1]!
    const path = newFile()
    writeFileSync(join(path, '../.file.change'), await journalOf(patches, size))
    const other = OLD.slice().reverse()
    writeFileSync(`${path}.new`, other)
    renameSync(`${path}.new`, path)
    expect(await finishReplacement(path)).toBe(false)
    expect(new Uint8Array(readFileSync(path))).toEqual(other)
    await replaceBytes(path, { patches, size })
    expect(readdirSync(join(path, '..'))).toEqual(['file'])
  })

  test.each(['', '{', '{}', 'null', '[]', 'x'.repeat(1000)])('is not in %j', async (text) => {
    const path = newFile()
    writeFileSync(join(path, '../.file.change'), text)
    expect(await finishReplacement(path)).toBe(false)
    expect(new Uint8Array(readFileSync(path))).toEqual(OLD)
  })
})

test.each([
  ['that is not there', 'missing', 'NOT_FOUND'],
  ['that is a folder', '.', 'NOT_A_FILE'],
])('a file %s is named', async (_, name, code) => {
  const path = join(newFile(), '..', name)
  await expect(replaceBytes(path, { patches: [patch(0, 1)], size: 1 })).rejects.toThrow(
    expect.objectContaining({ code }),
  )
})
