import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readTrustDirectories } from '../../src/keys/trust.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { makeTestKey } from './test-keys.ts'

const parent = temporaryFolder()
const [a, b, c] = ['a', 'b', 'c'].map((name) =>
  makeTestKey('p256', { commonName: `TEST-DO-NOT-USE ${name}` }),
) as [Pem, Pem, Pem]
type Pem = ReturnType<typeof makeTestKey>

/** A folder with these files. */
function directory(files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = mkdtempSync(join(parent, 'verity.d-'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content)
  return path
}

const subjects = (store: Awaited<ReturnType<typeof readTrustDirectories>>) =>
  store.certificates.map(({ subject }) => subject.text.slice(-1))

test('certificates come sorted by the bytes of their names, across directories', async () => {
  const strong = directory({ 'b.crt': b.certificatePem, 'Z.crt': c.certificatePem })
  const weak = directory({ 'a.crt': a.certificatePem })
  const store = await readTrustDirectories([strong, weak])
  expect(subjects(store)).toEqual(['c', 'a', 'b'])
  expect(store.ignored).toEqual([])
})

test('only the first certificate of a file counts', async () => {
  const store = await readTrustDirectories([
    directory({ 'x.crt': a.certificatePem + b.certificatePem }),
  ])
  expect(subjects(store)).toEqual(['a'])
})

test('a file hides those of the same name in later directories', async () => {
  const strong = directory({ 'x.crt': a.certificatePem })
  const weak = directory({ 'x.crt': b.certificatePem, 'y.crt': c.certificatePem })
  const store = await readTrustDirectories([strong, weak])
  expect(subjects(store)).toEqual(['a', 'c'])
  expect(store.ignored).toEqual([
    { path: join(weak, 'x.crt'), cause: 'override', reason: `${join(strong, 'x.crt')} hides it` },
  ])
})

test('a broken file hides as well: systemd does not look further', async () => {
  const strong = directory({ 'x.crt': 'broken' })
  const weak = directory({ 'x.crt': b.certificatePem })
  const store = await readTrustDirectories([strong, weak])
  expect(subjects(store)).toEqual([])
  expect(store.ignored.map(({ path }) => path)).toEqual([
    join(weak, 'x.crt'),
    join(strong, 'x.crt'),
  ])
})

test('a symlink to /dev/null or an empty file is a mask', async () => {
  const strong = directory({ 'empty.crt': '' })
  symlinkSync('/dev/null', join(strong, 'null.crt'))
  const weak = directory({ 'empty.crt': a.certificatePem, 'null.crt': b.certificatePem })
  const store = await readTrustDirectories([strong, weak])
  expect(subjects(store)).toEqual([])
  expect(store.ignored).toEqual([
    { path: join(strong, 'empty.crt'), cause: 'mask', reason: 'it is empty: a mask' },
    { path: join(strong, 'null.crt'), cause: 'mask', reason: 'it is empty: a mask' },
    {
      path: join(weak, 'empty.crt'),
      cause: 'override',
      reason: `${join(strong, 'empty.crt')} hides it`,
    },
    {
      path: join(weak, 'null.crt'),
      cause: 'override',
      reason: `${join(strong, 'null.crt')} hides it`,
    },
  ])
})

test('what is no certificate file is ignored with its reason, and hides nothing', async () => {
  const path = directory({
    '.c.crt': a.certificatePem,
    'a.pem': a.certificatePem,
    'b.crt.bak': a.certificatePem,
    'der.crt': a.certificate,
    'key.crt': a.keyPem,
    'text.crt': 'hello',
  })
  mkdirSync(join(path, 'folder.crt'))
  symlinkSync('nowhere', join(path, 'dangling.crt'))
  const weak = directory({ 'folder.crt': b.certificatePem })
  symlinkSync(join(path, 'a.pem'), join(weak, 'linked.crt'))
  const store = await readTrustDirectories([path, weak])
  expect(subjects(store)).toEqual(['b', 'a'])
  const reasons = store.ignored.map((item) => [item.path.slice(path.length + 1), item.reason])
  expect(Object.fromEntries(reasons)).toEqual({
    '.c.crt': 'its name starts with a dot',
    'a.pem': 'its name does not end in .crt',
    'b.crt.bak': 'its name does not end in .crt',
    'dangling.crt': 'it is a dangling symlink',
    'der.crt': 'it is DER, and systemd reads PEM only',
    'folder.crt': 'it is not a regular file',
    'key.crt': `${join(path, 'key.crt')} holds a private key, not a certificate`,
    'text.crt': `${join(path, 'text.crt')} is no certificate, neither PEM nor DER`,
  })
})

test('a directory that is missing is an error, unless it may be', async () => {
  const missing = join(parent, 'absent')
  await expect(readTrustDirectories([missing])).rejects.toThrow(
    expect.objectContaining({
      code: 'NOT_FOUND',
      message: `trust directory ${missing} does not exist`,
    }),
  )
  const store = await readTrustDirectories([missing], { allowMissing: true })
  expect(store).toEqual({ certificates: [], ignored: [] })
})

test('a file is not a trust directory', async () => {
  const path = join(directory({ file: '' }), 'file')
  await expect(readTrustDirectories([path])).rejects.toThrow('it is not a directory')
})
