import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { FileError } from '../../src/errors.ts'
import { commitOutputs, createOutput } from '../../src/files/output.ts'
import { writeSmallFile } from '../../src/files/small-output.ts'
import { temporaryFolder } from '../support/temporary.ts'

const top = temporaryFolder()
const folder = join(top, 'work')
const path = join(folder, 'hello.raw')
const BYTES = encodeUtf8('hello')

beforeEach(() => mkdirSync(folder))
afterEach(() => rmSync(folder, { recursive: true }))

describe('a new file', () => {
  test('appears when it is committed, not before', async () => {
    const output = await createOutput(path)
    await output.write(BYTES, 0)
    expect(existsSync(path)).toBe(false)
    await output.commit()
    expect(readFileSync(path, 'utf8')).toBe('hello')
    expect(readdirSync(folder)).toEqual(['hello.raw'])
  })

  test('leaves nothing when it is aborted, however often', async () => {
    const output = await createOutput(path)
    await output.write(BYTES, 0)
    await output.abort()
    await output.abort()
    await output.commit()
    expect(readdirSync(folder)).toEqual([])
  })

  test('is written at any position, cut and extended, and read by its descriptor', async () => {
    const output = await createOutput(path)
    await output.write(BYTES, 3)
    await output.truncate(7)
    await output.truncate(9)
    await output.write(encodeUtf8('#'), 0)
    const back = new Uint8Array(9)
    expect(readSync(output.fd, back, 0, 9, 0)).toBe(9)
    await output.commit()
    expect(readFileSync(path, 'latin1')).toBe('#\0\0hell\0\0')
    expect(Buffer.from(back).toString('latin1')).toBe('#\0\0hell\0\0')
  })

  test.runIf(process.platform !== 'win32').each([0o000, 0o022, 0o077])(
    'has the mode it should have under umask %o, and is private until then',
    async (umask) => {
      const before = process.umask(umask)
      try {
        const output = await createOutput(path)
        const secret = await createOutput(join(folder, 'key'), { mode: 0o600 })
        expect(statSync(output.partialPath).mode & 0o077).toBe(0)
        await output.commit()
        await secret.commit()
        expect(statSync(path).mode & 0o777).toBe(0o644)
        expect(statSync(join(folder, 'key')).mode & 0o777).toBe(0o600)
      } finally {
        process.umask(before)
      }
    },
  )

  test('may have the longest name there is', async () => {
    const long = join(folder, 'é'.repeat(127))
    const output = await createOutput(long)
    await output.commit()
    expect(existsSync(long)).toBe(true)
  })

  test('can be made twice at once; the first to end wins', async () => {
    const first = await createOutput(path)
    const second = await createOutput(path)
    await first.write(encodeUtf8('first'), 0)
    await second.write(encodeUtf8('second'), 0)
    await first.commit()
    await expect(second.commit()).rejects.toMatchObject({ code: 'EXISTS' })
    expect(readFileSync(path, 'utf8')).toBe('first')
    expect(readdirSync(folder)).toEqual(['hello.raw'])
  })
})

describe('an existing file', () => {
  test('is not touched without force', async () => {
    writeFileSync(path, 'old')
    await expect(createOutput(path)).rejects.toThrow(
      expect.objectContaining({ code: 'EXISTS', hint: '--force replaces it' }),
    )
    expect(readFileSync(path, 'utf8')).toBe('old')
  })

  test('is replaced at once with force, and keeps its permissions', async () => {
    writeFileSync(path, 'old')
    chmodSync(path, 0o600)
    const output = await createOutput(path, { force: true })
    await output.write(BYTES, 0)
    expect(readFileSync(path, 'utf8')).toBe('old')
    await output.commit()
    expect(readFileSync(path, 'utf8')).toBe('hello')
    expect(statSync(path).mode & 0o777).toBe(process.platform === 'win32' ? 0o666 : 0o600)
  })

  test.runIf(process.platform !== 'win32')('is replaced itself where it is a link', async () => {
    writeFileSync(join(folder, 'target'), 'old')
    symlinkSync('target', path)
    await expect(createOutput(path)).rejects.toMatchObject({ code: 'EXISTS' })
    const output = await createOutput(path, { force: true })
    await output.commit()
    expect(lstatSync(path).isFile()).toBe(true)
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('old')
  })

  test('is never a directory', async () => {
    mkdirSync(path)
    for (const name of [path, `${path}/`]) {
      const creation = createOutput(name, { force: true })
      await expect(creation).rejects.toMatchObject({ code: 'NOT_A_FILE' })
    }
    expect(readdirSync(folder)).toEqual(['hello.raw'])
  })

  test.runIf(process.platform !== 'win32')('is never a device, fifo or socket', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const creation = createOutput(path, { force: true })
    await expect(creation).rejects.toMatchObject({ code: 'NOT_A_FILE' })
    await new Promise((resolve) => server.close(resolve))
  })

  test
    .runIf(process.platform !== 'win32')
    .each([
      ['a folder', '.'],
      ['a device', '/dev/null'],
      ['a link to a device', 'to-null'],
      ...(process.platform === 'linux' ? [['an open file, as /dev/stdout', 'to-open']] : []),
    ])('is never a link to %s', async (_, target = '') => {
    const handle = await open(join(folder, 'open'), 'w')
    symlinkSync('/dev/null', join(folder, 'to-null'))
    symlinkSync(`/proc/self/fd/${handle.fd}`, join(folder, 'to-open'))
    symlinkSync(target, path)
    const creation = createOutput(path, { force: true })
    await expect(creation).rejects.toMatchObject({ code: 'NOT_A_FILE' })
    expect(() => writeSmallFile(path, 'x', true)).toThrow(/will not be replaced/)
    expect(readlinkSync(path)).toBe(target)
    await handle.close()
  })

  test.runIf(process.platform !== 'win32').each(['hello.raw', 'nowhere', 'nowhere/deep'])(
    'is replaced where it is a link to itself or to nothing: %s',
    async (target) => {
      symlinkSync(target, path)
      await (await createOutput(path, { force: true })).commit()
      expect(lstatSync(path).isFile()).toBe(true)
    },
  )
})

test('a missing directory is named, and what to do', async () => {
  const error = await createOutput(join(folder, 'build/x.raw')).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(FileError)
  expect(error).toMatchObject({ code: 'NOT_FOUND', hint: 'make the directory first' })
  expect(String(error)).toContain(join(folder, 'build/x.raw'))
})

test('a failed write names the file and the bytes it needs', async () => {
  const output = await createOutput(path)
  const full = Object.assign(new Error('full'), { code: 'ENOSPC', syscall: 'write' })
  expect(await output.explain(full, 4096)).toMatchObject({
    code: 'NO_SPACE',
    message: expect.stringMatching(
      /^cannot write .*hello\.raw: no space left .*, at least 4096 bytes needed, \d+ free$/,
    ),
  })
  expect(await output.explain(new TypeError('ours'))).toBeInstanceOf(TypeError)
  await output.abort()
})

describe('files that belong together', () => {
  const other = join(folder, 'hello.roothash')

  test('appear together', async () => {
    const outputs = [await createOutput(other), await createOutput(path)]
    await commitOutputs(outputs)
    expect(readdirSync(folder).sort()).toEqual(['hello.raw', 'hello.roothash'])
  })

  test('do not appear when one of them cannot', async () => {
    const outputs = [await createOutput(other), await createOutput(path)]
    writeFileSync(path, 'somebody was faster')
    await expect(commitOutputs(outputs)).rejects.toMatchObject({ code: 'EXISTS' })
    expect(readdirSync(folder)).toEqual(['hello.raw'])
    expect(readFileSync(path, 'utf8')).toBe('somebody was faster')
  })
})
