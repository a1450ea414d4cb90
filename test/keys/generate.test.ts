import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decodeCertificate } from '../../src/formats/x509/decode.ts'
import { describePublicKey } from '../../src/formats/x509/public-key.ts'
import { loadCertificate } from '../../src/keys/certificate.ts'
import { fileSigner } from '../../src/keys/file-signer.ts'
import { generateKey, KEY_ALGORITHMS, MAX_DAYS } from '../../src/keys/generate.ts'
import { temporaryFolder } from '../support/temporary.ts'

const parent = temporaryFolder()
const folder = () => mkdtempSync(join(parent, 'new-'))
const NOW = new Date('2026-11-20T12:34:56.789Z')
const P256 = { name: 'release', algorithm: 'p256', days: 365, now: NOW } as const
const passphrase = new TextEncoder().encode('correct horse')

test.each(KEY_ALGORITHMS)('%s: key and certificate belong together and sign', async (algorithm) => {
  const directory = folder()
  const result = await generateKey({ ...P256, directory, algorithm })
  expect(result).toEqual({
    privateKey: join(directory, 'release.key'),
    certificate: join(directory, 'release.crt'),
    algorithm,
    commonName: 'release',
    fingerprint: (await loadCertificate(result.certificate)).fingerprint,
    notBefore: new Date('2026-11-20T12:34:56Z'),
    notAfter: new Date('2027-11-20T12:34:56Z'),
    encrypted: false,
  })
  const { certificate } = await fileSigner(result)
  const wanted = { p256: 'EC P-256', p384: 'EC P-384' } as Record<string, string>
  const name = wanted[algorithm] ?? algorithm.replace('rsa', 'RSA ')
  expect(describePublicKey(certificate.publicKey)).toBe(name)
  const x509 = new X509Certificate(certificate.der)
  expect(x509.verify(x509.publicKey)).toBe(true)
})

test.runIf(process.platform !== 'win32')(
  'the key is for its owner alone, the certificate for all',
  async () => {
    const directory = join(folder(), 'made', 'on the way')
    const old = process.umask(0)
    try {
      const { privateKey, certificate } = await generateKey({ ...P256, directory })
      expect(statSync(privateKey).mode & 0o777).toBe(0o600)
      expect(statSync(certificate).mode & 0o777).toBe(0o644)
      expect(statSync(directory).mode & 0o777).toBe(0o700)
    } finally {
      process.umask(old)
    }
  },
)

test('two certificates never have the same serial number', async () => {
  const serials = new Set<string>()
  for (let round = 0; round < 5; round++) {
    const { certificate } = await generateKey({ ...P256, directory: folder() })
    const x509 = new X509Certificate(readFileSync(certificate))
    serials.add(Buffer.from(decodeCertificate(x509.raw).serial).toString('hex'))
  }
  expect(serials.size).toBe(5)
})

test('an encrypted key opens with its passphrase and no other', async () => {
  const { privateKey, encrypted } = await generateKey({ ...P256, directory: folder(), passphrase })
  const key = readFileSync(privateKey)
  expect(encrypted).toBe(true)
  expect(key.toString()).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
  expect(createPrivateKey({ key, passphrase: 'correct horse' }).type).toBe('private')
  expect(() => createPrivateKey({ key, passphrase: 'wrong' })).toThrow()
  expect(new TextDecoder().decode(passphrase)).toBe('correct horse')
})

describe('nothing is overwritten', () => {
  const obstacles = [
    ['a key', 'release.key', (path: string) => writeFileSync(path, 'old')],
    ['a certificate', 'release.crt', (path: string) => writeFileSync(path, 'old')],
    ['a directory', 'release.key', (path: string) => mkdirSync(path)],
    ['a dangling symlink', 'release.crt', (path: string) => symlinkSync('nowhere', path)],
  ] as const
  test.each(obstacles)('where %s is in the way', async (_, name, make) => {
    const directory = folder()
    make(join(directory, name))
    await expect(generateKey({ ...P256, directory })).rejects.toThrow(
      expect.objectContaining({
        code: 'EXISTS',
        message: `${join(directory, name)} exists, and keys are never replaced`,
      }),
    )
    expect(readdirSync(directory)).toEqual([name])
  })

  test('when several come at once: one wins, and its two files fit', async () => {
    const directory = folder()
    const rounds = Array.from({ length: 4 }, () => generateKey({ ...P256, directory }))
    const results = await Promise.allSettled(rounds)
    const won = results.filter(({ status }) => status === 'fulfilled')
    expect(won.length).toBe(1)
    expect(readdirSync(directory).sort()).toEqual(['release.crt', 'release.key'])
    const files = { privateKey: 'release.key', certificate: 'release.crt' }
    const signer = await fileSigner({
      privateKey: join(directory, files.privateKey),
      certificate: join(directory, files.certificate),
    })
    expect(signer.warnings).toEqual([])
  })

  test('where the folder is a file', async () => {
    const directory = join(folder(), 'file')
    writeFileSync(directory, '')
    await expect(generateKey({ ...P256, directory })).rejects.toThrow(
      expect.objectContaining({ name: 'FileError' }),
    )
    expect(existsSync(join(directory, 'release.key'))).toBe(false)
  })
})

const refused = [
  ['a name with a slash', { name: 'a/b' }, 'key name "a/b"'],
  ['a name that starts with a dot', { name: '.hidden' }, 'key name ".hidden"'],
  ['a name that looks like an option', { name: '-x' }, 'key name "-x"'],
  ['an empty name', { name: '' }, 'key name ""'],
  ['an empty common name', { commonName: '' }, 'common name of 0 characters'],
  ['a long common name', { commonName: 'x'.repeat(65) }, 'common name of 65 characters'],
  ['a common name of several lines', { commonName: 'a\nb' }, 'control characters'],
  ['no day', { days: 0 }, 'validity of 0 days'],
  ['half a day', { days: 0.5 }, 'validity of 0.5 days'],
  ['more than a century', { days: MAX_DAYS + 1 }, 'validity of 36526 days'],
  ['an empty passphrase', { passphrase: new Uint8Array() }, 'the passphrase is empty'],
] as const
test.each(refused)('refuses %s', async (_, change, message) => {
  const directory = folder()
  await expect(generateKey({ ...P256, directory, ...change })).rejects.toThrow(
    expect.objectContaining({ code: 'BAD_OPTION', message: expect.stringContaining(message) }),
  )
  expect(readdirSync(directory)).toEqual([])
})

test('a century from now is written and read', async () => {
  const { certificate, notAfter } = await generateKey({
    ...P256,
    directory: folder(),
    days: MAX_DAYS,
  })
  expect(notAfter.getUTCFullYear()).toBe(2126)
  expect((await loadCertificate(certificate)).notAfter).toEqual(notAfter)
})
