import { appendFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keepStream, openRepeatable, type RepeatableFile } from '../../src/files/twice.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const path = join(folder, 'content')

async function readAll(content: RepeatableFile): Promise<string> {
  let text = ''
  for await (const block of content.blocks()) text += Buffer.from(block).toString('latin1')
  return text
}

const SIZES = [0, 1, 65_535, 65_536, 65_537, 200_000]

test.each(SIZES)('%d bytes of a file are read as often as is asked', async (size) => {
  writeFileSync(path, 'ab'.repeat(size).slice(0, size))
  const content = await openRepeatable(path)
  for (let time = 0; time < 3; time++) expect(await readAll(content)).toHaveLength(size)
  await content.close()
})

test.each(SIZES)('%d bytes of a pipe are kept, in no file that has a name', async (size) => {
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('extsign-'))
  const content = await keepStream(
    (async function* () {
      for (let at = 0; at < size; at += 1000)
        yield new Uint8Array(Math.min(1000, size - at)).fill(97)
    })(),
    'standard input',
  )
  expect(
    readdirSync(tmpdir()).filter((name) => !before.includes(name) && /^extsign-\w{6}$/.test(name)),
  ).toEqual([])
  for (let time = 0; time < 2; time++) expect(await readAll(content)).toBe('a'.repeat(size))
  await content.close()
})

test.each([
  ['is changed', 1, () => writeFileSync(path, 'b', { flag: 'r+' })],
  ['grows', 65_536, () => appendFileSync(path, 'b')],
  ['grows behind its last block', 3, () => appendFileSync(path, 'b')],
  ['shrinks', 65_537, () => truncateSync(path, 65_536)],
  ['vanishes', 5, () => truncateSync(path, 0)],
])('a file that %s in between is an error', async (_, size, change) => {
  writeFileSync(path, 'a'.repeat(size))
  const content = await openRepeatable(path)
  await readAll(content)
  change()
  await expect(readAll(content)).rejects.toThrow(`${path} was changed while it was read`)
  await content.close()
})

test('what a first reading did not come to is read by the next', async () => {
  writeFileSync(path, 'a'.repeat(200_000))
  const content = await openRepeatable(path)
  for await (const _ of content.blocks()) break
  expect(await readAll(content)).toHaveLength(200_000)
  await content.close()
})

test('a folder is no file, and neither is what is not there', async () => {
  await expect(openRepeatable(folder)).rejects.toThrow('is a directory')
  await expect(openRepeatable(join(folder, 'none'))).rejects.toThrow('no such file')
})

test('a pipe that gives more than is kept is an error, and nothing is left', async () => {
  const before = readdirSync(tmpdir())
  const endless = (async function* () {
    for (;;) yield new Uint8Array(1000)
  })()
  await expect(keepStream(endless, 'standard input', 10_000)).rejects.toMatchObject({
    name: 'FileError',
    code: 'TOO_LARGE',
    message: 'standard input has 11000 bytes or more, expected at most 10000 from a pipe',
    hint: 'write it to a file and name that',
  })
  const left = readdirSync(tmpdir()).filter((name) => !before.includes(name))
  expect(left.filter((name) => /^extsign-\w{6}$/.test(name))).toEqual([])
})
