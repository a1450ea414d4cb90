import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSmallFile, readText } from '../../src/files/text.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const path = join(folder, 'file')

describe('a small file', () => {
  test('is read as text or bytes', async () => {
    writeFileSync(path, 'ID=dëbian\n')
    expect(await readText(path)).toBe('ID=dëbian\n')
    expect(Buffer.from(await readSmallFile(path)).toString()).toBe('ID=dëbian\n')
  })

  test('may be empty, and may start with a byte order mark', async () => {
    writeFileSync(path, '')
    expect(await readText(path)).toBe('')
    writeFileSync(path, '\ufeffID=a')
    expect(await readText(path)).toBe('ID=a')
  })

  test('may have just as many bytes as are allowed', async () => {
    writeFileSync(path, new Uint8Array(100_000))
    expect(await readSmallFile(path, { maximum: 100_000 })).toHaveLength(100_000)
    const tooLarge = readSmallFile(path, { maximum: 99_999 })
    await expect(tooLarge).rejects.toMatchObject({ code: 'TOO_LARGE' })
  })

  test.runIf(process.platform !== 'win32')('may be a pipe', async () => {
    const fifo = join(folder, 'fifo')
    spawnSync('mkfifo', [fifo])
    const writer = spawnSync('sh', ['-c', `(printf secret > '${fifo}') >/dev/null 2>&1 &`])
    expect(writer.status).toBe(0)
    expect(await readText(fifo)).toBe('secret')
  })
})

test.each([
  ['missing', 'NOT_FOUND'],
  ['directory', 'NOT_A_FILE'],
  ['latin1', 'NOT_TEXT'],
])('%s is refused as %s', async (name, code) => {
  mkdirSync(join(folder, 'directory'), { recursive: true })
  writeFileSync(join(folder, 'latin1'), Uint8Array.of(0xe4))
  const reading = readText(join(folder, name))
  await expect(reading).rejects.toMatchObject({ code, message: expect.stringContaining(name) })
})

test.runIf(process.platform !== 'win32')('what never ends is refused', async () => {
  await expect(readText('/dev/zero')).rejects.toMatchObject({ code: 'NOT_A_FILE' })
})
