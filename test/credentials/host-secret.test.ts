import { chmodSync, linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { concat } from '../../src/bytes/concat.ts'
import { fromHex } from '../../src/bytes/hex.ts'
import { createHostSecret, readHostSecret } from '../../src/credentials/host-secret.ts'
import { HOST_SECRET, readVector } from '../formats/credential/vectors.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const binding = readVector('host').bytes('binding')
const machineId = readVector('host').bytes('machine-id')
const otherMachine = fromHex('ff'.repeat(16))!

/** A file with the content and mode given. */
function write(name: string, content: Uint8Array, mode = 0o400): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

const good = concat(binding, HOST_SECRET)

describe('a host secret', () => {
  test('is made for a machine and read again', async () => {
    const path = join(folder, 'new')
    const random = (size: number) => HOST_SECRET.slice(0, size)
    expect(await createHostSecret(path, { machineId, random })).toBe(4096)
    expect(statSync(path).mode & 0o7777).toBe(0o400)
    expect(statSync(path).size).toBe(4112)
    const { secret, forget } = await readHostSecret(path, machineId)
    expect(new Uint8Array(secret)).toEqual(HOST_SECRET)
    forget()
    expect(new Uint8Array(secret)).toEqual(new Uint8Array(4096))
  })

  test('is never replaced', async () => {
    const path = write('kept', good)
    const made = createHostSecret(path, { machineId, random: (size) => new Uint8Array(size) })
    await expect(made).rejects.toThrow(expect.objectContaining({ code: 'EXISTS' }))
    expect(new Uint8Array((await readHostSecret(path)).secret)).toEqual(HOST_SECRET)
  })

  test('of another machine is refused where the machine is known', async () => {
    const path = write('other', good)
    await expect(readHostSecret(path, otherMachine)).rejects.toThrow(
      `belongs to another machine than ${'ff'.repeat(16)}`,
    )
    expect((await readHostSecret(path)).path).toBe(path)
  })

  test.each([0o444, 0o600, 0o440, 0o404, 0o500, 0o4400, 0o000])(
    'of mode %o is refused',
    async (mode) => {
      const path = write(`mode-${mode}`, good, mode)
      const text = `has mode ${mode.toString(8).padStart(4, '0')}, systemd takes 0400 only`
      // Somebody else than root cannot even open a file of mode 0000.
      await expect(readHostSecret(path)).rejects.toThrow(
        mode === 0 && process.getuid?.() !== 0 ? 'permission denied' : text,
      )
    },
  )

  test('with a second name is refused', async () => {
    const path = write('first', good)
    linkSync(path, join(folder, 'second'))
    await expect(readHostSecret(path)).rejects.toThrow('has 2 names')
  })

  test('behind a symbolic link is refused', async () => {
    symlinkSync(write('target', good), join(folder, 'link'))
    await expect(readHostSecret(join(folder, 'link'))).rejects.toThrow('is a symbolic link')
  })

  test('that is a folder is refused', async () => {
    mkdirSync(join(folder, 'folder'))
    await expect(readHostSecret(join(folder, 'folder'))).rejects.toThrow('is not a regular file')
  })

  test('that is not there is an error of its own', async () => {
    const missing = readHostSecret(join(folder, 'missing'))
    await expect(missing).rejects.toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
  })

  test.each([
    [0, 'host secret: 0 bytes'],
    [16, 'host secret: 16 bytes'],
    [4113, 'host secret: 4097 bytes of secret, systemd takes 4096'],
    [1_000_000, 'host secret: 4097 bytes of secret'],
  ])('of %i bytes is refused', async (size, message) => {
    const path = write(`size-${size}`, new Uint8Array(size))
    await expect(readHostSecret(path)).rejects.toThrow(message)
  })

  test('of 17 bytes is read', async () => {
    expect((await readHostSecret(write('short', new Uint8Array(17)))).secret.length).toBe(1)
  })
})
