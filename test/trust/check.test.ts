import { createPublicKey } from 'node:crypto'
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { encodeCertificate, encodeTbsCertificate } from '../../src/formats/x509/encode.ts'
import { formatPem } from '../../src/formats/x509/pem.ts'
import { checkTrust, findTrustDirectories, type TrustCheck } from '../../src/trust/check.ts'
import { buildImage, signingWith } from '../images/fixtures.ts'
import { makeTestKey, signRaw } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'

const parent = temporaryFolder()
const NOW = new Date('2026-11-20')
const release = makeTestKey('p256', { commonName: 'TEST-DO-NOT-USE release' })
const other = makeTestKey('p256', { commonName: 'TEST-DO-NOT-USE other' })
const image = join(parent, 'hello.sysext.raw')

beforeAll(async () => {
  await buildImage(
    parent,
    'hello.sysext.raw',
    { 'usr/bin/hello': 'hello' },
    {
      signing: signingWith(release),
    },
  )
})

type Files = Readonly<Record<string, string | Uint8Array>>

function directory(files: Files): string {
  const path = mkdtempSync(join(parent, 'verity.d-'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content)
  return path
}

const check = (files: Files, images: readonly string[] = [], now = NOW) =>
  checkTrust({ directories: [directory(files)], images, now })

const remarks = ({ certificates, ignored, images }: TrustCheck) =>
  [...certificates, ...ignored, ...images].flatMap(({ problems, notes }) => [...problems, ...notes])

test('the right certificate vouches for the image', async () => {
  const result = await check({ 'release.crt': release.certificatePem }, [image])
  expect(result.verdict).toBe('ok')
  expect(remarks(result)).toEqual([])
  expect(result.images[0]?.readers.map(({ reader, verdict }) => [reader, verdict])).toEqual([
    ['kernel', 'accepts'],
    ['userspace', 'accepts'],
  ])
})

describe('what is ignored', () => {
  const cases: readonly (readonly [string, Files, string])[] = [
    ['another suffix', { 'r.pem': release.certificatePem }, 'its name does not end in .crt'],
    ['a hidden file', { '.r.crt': release.certificatePem }, 'its name starts with a dot'],
    ['DER', { 'r.crt': release.certificate }, 'it is DER, and systemd reads PEM only'],
    ['a key', { 'r.crt': release.keyPem }, 'holds a private key, not a certificate'],
    [
      'several in a file',
      { 'r.crt': other.certificatePem + release.certificatePem },
      'it holds 2 certificates, of which systemd reads the first',
    ],
  ]
  test.each(cases)('%s is a problem', async (_, files, reason) => {
    const result = await check(files)
    expect(result.verdict).toBe('wanting')
    expect(remarks(result).join('\n')).toContain(reason)
  })

  test('a text and a mask are none', async () => {
    const result = await check({ README: 'hello', 'mask.crt': '' })
    expect([result.verdict, result.certificates]).toEqual(['ok', []])
    expect(result.ignored.map(({ notes }) => notes)).toEqual([
      ['its name does not end in .crt'],
      ['it is empty: a mask'],
    ])
  })

  test('the certificate that an image needs is found among them', async () => {
    const files = { 'r.pem': release.certificatePem, 'o.crt': other.certificatePem }
    const [found] = (await check(files, [image])).images
    expect(found?.notes).toEqual([
      expect.stringMatching(/r\.pem is the certificate, and is ignored: its name does not end/),
    ])
  })
})

describe('a certificate that is nearly the right one', () => {
  const variant = (content: Parameters<typeof makeTestKey>[1]) =>
    makeTestKey('p256', { commonName: 'TEST-DO-NOT-USE release', ...content })

  test('of the same issuer with another serial number', async () => {
    const serial = new Uint8Array(16).fill(0x55)
    const result = await check({ 'r.crt': variant({ serial }).certificatePem }, [image])
    expect(result.verdict).toBe('wanting')
    expect(result.images[0]?.notes).toEqual([
      expect.stringMatching(
        /r\.crt has the same issuer with the serial number (55){16}, not (7b){16}$/,
      ),
    ])
    expect(result.images[0]?.readers).toMatchObject([
      { verdict: 'refuses' },
      { verdict: 'refuses' },
    ])
  })

  test('for the same key, made anew', async () => {
    const pem = reissue({ serial: new Uint8Array(16).fill(0x55) })
    const [found] = (await check({ 'r.crt': pem }, [image])).images
    expect(found?.notes[0]).toContain('is another certificate for the same key with the serial')
  })

  test('for the same key, under another name', async () => {
    const pem = reissue({ commonName: 'TEST-DO-NOT-USE renamed' })
    const [found] = (await check({ 'r.crt': pem }, [image])).images
    expect(found?.notes[0]).toContain('is another certificate for the same key, by CN=')
  })

  test('with the serial number of another issuer', async () => {
    const [found] = (await check({ 'o.crt': other.certificatePem }, [image])).images
    expect(found?.notes).toEqual([
      expect.stringMatching(/o\.crt has the same serial number, but another issuer: CN=/),
    ])
  })

  test('with the name and number of another key does not verify', async () => {
    const result = await check({ 'r.crt': variant({}).certificatePem }, [image])
    expect(result.images[0]?.problems).toEqual([
      'systemd does not accept it: EDESTADDRREQ: the signature does not fit the root hash',
    ])
  })

  /** The release key with another certificate. */
  function reissue(content: { commonName?: string; serial?: Uint8Array }): string {
    const full = {
      commonName: 'TEST-DO-NOT-USE release',
      serial: new Uint8Array(16).fill(0x7b),
      notBefore: new Date('2026-01-01T00:00:00Z'),
      notAfter: new Date('2036-01-01T00:00:00Z'),
      publicKeyDer: new Uint8Array(publicKey()),
      ...content,
    }
    const signature = signRaw(release.key, encodeTbsCertificate(full))
    return formatPem('CERTIFICATE', encodeCertificate(full, signature))
  }
})

test('two certificates with one issuer and serial number: the second is never found', async () => {
  const namesake = makeTestKey('p256', { commonName: 'TEST-DO-NOT-USE release' })
  const result = await check({ 'a.crt': namesake.certificatePem, 'b.crt': release.certificatePem })
  expect(result.certificates.map(({ problems }) => problems)).toEqual([
    [],
    [expect.stringMatching(/a\.crt has the same issuer and serial number and is found first/)],
  ])
})

test('the same certificate twice is only worth a note', async () => {
  const result = await check({ 'a.crt': release.certificatePem, 'b.crt': release.certificatePem })
  expect(result.verdict).toBe('ok')
  expect(remarks(result)).toHaveLength(2)
})

test('expired is no obstacle, and said', async () => {
  const now = new Date('2040-01-01')
  const result = await check({ 'r.crt': release.certificatePem }, [image], now)
  expect([result.verdict, remarks(result)]).toEqual([
    'ok',
    ['it expired on 2036-01-01: neither kernel nor systemd look at dates, other tools do'],
  ])
})

test('a certificate that signed none of the images is only worth a note', async () => {
  const files = { 'a.crt': release.certificatePem, 'b.crt': other.certificatePem }
  const result = await check(files, [image])
  expect([result.verdict, remarks(result)]).toEqual(['ok', ['it signed none of the images']])
})

test('an image without a signature, and a file that is none', async () => {
  await buildImage(parent, 'bare.raw', { 'usr/bin/hello': 'hello' })
  writeFileSync(join(parent, 'text.raw'), 'hello')
  const files = { 'r.crt': release.certificatePem }
  const result = await check(files, [join(parent, 'bare.raw'), join(parent, 'text.raw')])
  expect(result.images.map(({ problems }) => problems)).toEqual([
    ['systemd does not accept it: there is no signature'],
    ['gpt: a disk of 5 bytes holds no table'],
  ])
  await expect(check(files, [join(parent, 'missing.raw')])).rejects.toThrow('missing.raw')
})

describe('the root of a machine', () => {
  test('has four directories, the strongest first, which may be missing', async () => {
    const root = mkdtempSync(join(parent, 'root-'))
    mkdirSync(join(root, 'etc/verity.d'), { recursive: true })
    mkdirSync(join(root, 'usr/lib/verity.d'), { recursive: true })
    writeFileSync(join(root, 'usr/lib/verity.d/r.crt'), release.certificatePem)
    symlinkSync('/dev/null', join(root, 'etc/verity.d/r.crt'))
    const found = await findTrustDirectories(root)
    expect(found.directories).toHaveLength(4)
    const result = await checkTrust({ ...found, images: [image], now: NOW })
    expect([result.verdict, result.certificates]).toEqual(['wanting', []])
    expect(result.ignored.map(({ problems }) => problems)).toEqual([[], []])
    expect(result.images[0]?.notes[0]).toContain('is the certificate, and is ignored')
  })

  test('is told from a verity.d by what is in it', async () => {
    const path = directory({ 'r.crt': release.certificatePem })
    expect(await findTrustDirectories(path)).toEqual({ directories: [path], allowMissing: false })
  })
})

function publicKey(): Buffer {
  return createPublicKey(release.key).export({ type: 'spki', format: 'der' })
}
