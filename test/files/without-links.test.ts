/** File systems without hard links, such as FAT, where a name is taken by renaming. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { createOutput } from '../../src/files/output.ts'
import { temporaryFolder } from '../support/temporary.ts'

const refused = vi.hoisted(() => ({ errno: 'EPERM' }))

vi.mock('node:fs/promises', async (importOriginal) => ({
  ...(await importOriginal<typeof import('node:fs/promises')>()),
  link: async () => {
    throw Object.assign(new Error('no links here'), { code: refused.errno, syscall: 'link' })
  },
}))

const folder = temporaryFolder()

test.each(['EPERM', 'ENOTSUP', 'ENOSYS'])('a file appears all the same after %s', async (errno) => {
  refused.errno = errno
  const output = await createOutput(join(folder, errno))
  await output.write(encodeUtf8('whole'), 0)
  await output.commit()
  expect(readFileSync(join(folder, errno), 'utf8')).toBe('whole')
})

test('an existing file is still not replaced', async () => {
  const path = join(folder, 'taken')
  const output = await createOutput(path)
  writeFileSync(path, 'old')
  await expect(output.commit()).rejects.toMatchObject({ code: 'EXISTS' })
  expect(readFileSync(path, 'utf8')).toBe('old')
})

test('any other failure is one, and leaves nothing', async () => {
  refused.errno = 'EIO'
  const output = await createOutput(join(folder, 'broken'))
  await expect(output.commit()).rejects.toMatchObject({ code: 'IO' })
  expect(readdirSync(folder).filter((name) => name.includes('broken'))).toEqual([])
})
