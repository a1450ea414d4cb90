import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openFileSource } from '../../src/files/file-source.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const path = join(folder, 'file')

test('a file is read at any offset', async () => {
  writeFileSync(path, '0123456789')
  const source = await openFileSource(path)
  expect(source).toMatchObject({ size: 10, path })
  expect(Buffer.from(await source.read(3, 4)).toString()).toBe('3456')
  expect(await source.read(10, 0)).toHaveLength(0)
  await source.close()
})

test('a file that shrinks while it is read is an error', async () => {
  writeFileSync(path, '0123456789')
  const source = await openFileSource(path)
  truncateSync(path, 5)
  await expect(source.read(3, 4)).rejects.toThrow(`${path} ended at byte 5 while it was read`)
  await source.close()
})

test.each([
  ['missing', 'NOT_FOUND'],
  ['directory', 'NOT_A_FILE'],
  ['empty', 'EMPTY'],
  ['empty/below', 'NOT_FOUND'],
])('%s is refused as %s', async (name, code) => {
  mkdirSync(join(folder, 'directory'), { recursive: true })
  writeFileSync(join(folder, 'empty'), '')
  const opened = openFileSource(join(folder, name))
  await expect(opened).rejects.toMatchObject({ code, message: expect.stringContaining(name) })
})

test.runIf(process.platform !== 'win32')('a device that is no disk is refused', async () => {
  await expect(openFileSource('/dev/null')).rejects.toMatchObject({ code: 'NOT_A_FILE' })
})
