import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { KeyError } from '../../src/errors.ts'
import { fileSigner } from '../../src/keys/file-signer.ts'
import { loadPrivateKey } from '../../src/keys/private-key.ts'
import { fileMaker } from './files.ts'
import { makeTestKey } from './test-keys.ts'

const writeFile = fileMaker()
const rsa = makeTestKey('rsa2048')
const ec = makeTestKey('p256')
const PASSPHRASE = 'correct horse'
const bytes = (text: string) => new TextEncoder().encode(text)

/** The key in every form Node can write. */
function forms({ key }: { key: KeyObject }) {
  const isRsa = key.asymmetricKeyType === 'rsa'
  const own = isRsa ? 'pkcs1' : 'sec1'
  const encrypted = { cipher: 'aes-256-cbc', passphrase: PASSPHRASE }
  return [
    ['PKCS#8 in PEM', key.export({ type: 'pkcs8', format: 'pem' }), undefined],
    ['PKCS#8 in DER', key.export({ type: 'pkcs8', format: 'der' }), undefined],
    [`${own} in PEM`, key.export({ type: own as 'sec1', format: 'pem' }), undefined],
    [`${own} in DER`, key.export({ type: own as 'sec1', format: 'der' }), undefined],
    ['encrypted PEM', key.export({ type: 'pkcs8', format: 'pem', ...encrypted }), PASSPHRASE],
    ['encrypted DER', key.export({ type: 'pkcs8', format: 'der', ...encrypted }), PASSPHRASE],
    [
      `encrypted ${own} in PEM`,
      key.export({ type: own as 'sec1', format: 'pem', ...encrypted }),
      PASSPHRASE,
    ],
  ] as const
}

describe.each([
  ['RSA', rsa],
  ['EC', ec],
] as const)('an %s key', (_, pair) => {
  test.each(forms(pair))('is read from %s', async (_form, content, passphrase) => {
    const path = writeFile('key', content)
    const { key, warnings } = await loadPrivateKey(path, passphrase ? bytes(passphrase) : undefined)
    expect(key.equals(pair.key)).toBe(true)
    expect(warnings).toEqual([])
  })

  const encrypted = forms(pair).filter(([, , passphrase]) => passphrase)
  test.each(encrypted)('in %s is not opened without its passphrase', async (_form, content) => {
    const path = writeFile('key', content)
    await expect(loadPrivateKey(path)).rejects.toThrow(
      expect.objectContaining({ code: 'PASSPHRASE_NEEDED' }),
    )
  })

  test.each(encrypted)(
    'in %s is not opened with a wrong one, whatever it is',
    async (form, content) => {
      const path = writeFile('key', content)
      // Some wrong passphrases decrypt to valid padding; that must not look like another error.
      for (let attempt = 0; attempt < (form === 'encrypted PEM' ? 300 : 20); attempt++) {
        await expect(loadPrivateKey(path, bytes(`wrong ${attempt}`))).rejects.toThrow(
          expect.objectContaining({
            code: 'WRONG_PASSPHRASE',
            message: `the passphrase does not open private key ${path}`,
          }),
        )
      }
    },
  )
})

test('a passphrase that is not needed is ignored', async () => {
  const { key } = await loadPrivateKey(writeFile('key', ec.keyPem), bytes('unneeded'))
  expect(key.equals(ec.key)).toBe(true)
})

test('a key is found in a bundle before and after its certificate', async () => {
  for (const content of [ec.keyPem + ec.certificatePem, ec.certificatePem + ec.keyPem]) {
    const { key } = await loadPrivateKey(writeFile('bundle', content))
    expect(key.equals(ec.key)).toBe(true)
  }
})

test.runIf(process.platform !== 'win32')('a key that others can read gives a warning', async () => {
  const path = writeFile('open.key', ec.keyPem, 0o644)
  expect((await loadPrivateKey(path)).warnings).toEqual([
    `private key ${path} can be read by other users (chmod 600 it)`,
  ])
})

const pem = ({ privateKey }: { privateKey: KeyObject }) =>
  privateKey.export({ type: 'pkcs8', format: 'pem' })
const unsuitable = [
  ['Ed25519', pem(generateKeyPairSync('ed25519')), 'EdDSA keys cannot sign'],
  ['Ed448', pem(generateKeyPairSync('ed448')), 'EdDSA keys cannot sign'],
  ['X25519', pem(generateKeyPairSync('x25519')), 'keys of type x25519 cannot sign'],
  ['RSA-PSS', pem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 })), 'RSA-PSS keys cannot'],
  ['RSA 1024', pem(generateKeyPairSync('rsa', { modulusLength: 1024 })), '1024 bits are too small'],
  ['secp256k1', pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })), 'on secp256k1 are'],
] as const
test.each(unsuitable)('refuses a key of %s with the reason', async (_, content, message) => {
  const path = writeFile('unsuitable.key', content)
  await expect(loadPrivateKey(path)).rejects.toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining(message) }),
  )
})

const noKeys = [
  ['a certificate', ec.certificatePem, 'holds a certificate and no private key'],
  ['a certificate in DER', ec.certificate, 'holds a certificate and no private key'],
  ['nothing', '', 'is no private key, neither PEM nor DER'],
  ['text', 'hello', 'is no private key, neither PEM nor DER'],
  ['half a key', ec.keyPem.slice(0, 120), 'block PRIVATE KEY has no end'],
  ['a key of ssh', ec.keyPem.replaceAll('PRIVATE', 'OPENSSH PRIVATE'), 'in a known format'],
  ['a damaged key', damage(ec.keyPem), 'cannot be read'],
] as const
test.each(noKeys)('refuses %s as a key', async (_, content, message) => {
  const path = writeFile('no.key', content)
  await expect(loadPrivateKey(path)).rejects.toThrow(
    expect.objectContaining({ code: 'NOT_A_KEY', message: expect.stringContaining(message) }),
  )
})

test('no error carries the key or the passphrase', async () => {
  const secret = 'hunter2 is the passphrase'
  const encrypted = ec.key.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: PASSPHRASE,
  })
  for (const content of [encrypted, damage(ec.keyPem), ec.keyPem.slice(0, 120)]) {
    const error = await loadPrivateKey(writeFile('secret.key', content), bytes(secret)).catch(
      (caught: unknown) => caught,
    )
    expect(error).toBeInstanceOf(KeyError)
    const text = inspect(error, { depth: 10, showHidden: true })
    expect(text).not.toContain('hunter2')
    for (const line of content.toString().split('\n').slice(1, -2)) expect(text).not.toContain(line)
  }
})

describe('a signer from files', () => {
  test('signs with the key until it forgets it', async () => {
    const signer = await fileSigner({
      privateKey: writeFile('release.key', ec.keyPem),
      certificate: writeFile('release.crt', ec.certificatePem),
    })
    const request = {
      purpose: 'verity-root-hash',
      payload: bytes('0123456789abcdef'.repeat(4)),
      digest: 'sha256',
      subject: 'hello',
    } as const
    expect((await signer.sign(request))[0]).toBe(0x30)
    expect(signer.certificate.der).toEqual(ec.certificate)
    const message = { ...request, payload: bytes('message') }
    await expect(signer.sign(message)).rejects.toThrow(/must be the 64 hexadecimal digits/)
    signer.forget()
    await expect(signer.sign(request)).rejects.toThrow('was dropped')
  })

  const strangers = [
    ['of the same type', makeTestKey('p256')],
    ['of another type', rsa],
  ] as const
  test.each(strangers)('refuses the certificate of a key %s', async (_, other) => {
    const privateKey = writeFile('mine.key', ec.keyPem)
    const certificate = writeFile('other.crt', other.certificatePem)
    await expect(fileSigner({ privateKey, certificate })).rejects.toThrow(
      expect.objectContaining({
        code: 'MISMATCH',
        message: `certificate ${certificate} is for another key than ${privateKey}`,
      }),
    )
  })

  test('says so when key and certificate are swapped', async () => {
    const privateKey = writeFile('mine.key', ec.keyPem)
    const certificate = writeFile('mine.crt', ec.certificatePem)
    const swapped = { privateKey: certificate, certificate: privateKey }
    await expect(fileSigner(swapped)).rejects.toThrow(
      expect.objectContaining({ hint: 'private key and certificate may have been swapped' }),
    )
  })
})

/** Keeps the base64 and breaks the structure. */
function damage(text: string): string {
  const lines = text.split('\n')
  lines[1] = `AAAA${lines[1]!.slice(4)}`
  return lines.join('\n')
}
