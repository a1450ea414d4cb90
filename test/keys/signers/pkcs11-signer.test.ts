import { constants, createHash, privateEncrypt, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { SigningRequest } from '../../../src/keys/signer.ts'
import { pkcs11Signer } from '../../../src/keys/signers/pkcs11-signer.ts'
import type { Pkcs11 } from '../../../src/keys/signers/pkcs11-token.ts'
import { certificateOf } from '../../images/fixtures.ts'
import { fileMaker } from '../files.ts'
import { makeTestKey, signRaw, type TestKey } from '../test-keys.ts'

const file = fileMaker()
const URI = 'pkcs11:token=hsm;object=release?module-path=/m.so'
const PIN = new TextEncoder().encode('1234')
const REQUEST: SigningRequest = {
  purpose: 'verity-root-hash',
  payload: new TextEncoder().encode('0123456789abcdef'.repeat(4)),
  digest: 'sha256',
  subject: 'hello',
}

interface Fake {
  readonly key?: TestKey
  readonly labels?: readonly string[]
  readonly flags?: number
  readonly keys?: number
  readonly alwaysAuthenticate?: boolean
  /** What these calls throw. */
  readonly failing?: Partial<Record<keyof Pkcs11, string>>
}

const rsa = makeTestKey('rsa2048')
const number = (value: number) => Buffer.from([value, 0, 0, 0, 0, 0, 0, 0])

/** A token in memory, and the calls that were made. */
function fakeModule(fake: Fake = {}): { pkcs11: Pkcs11; calls: string[] } {
  const { key = rsa, labels = ['hsm'], flags = 4, keys = 1, failing = {} } = fake
  const calls: string[] = []
  const isRsa = key.key.asymmetricKeyType === 'rsa'
  const methods: Pkcs11 = {
    load: () => undefined,
    close: () => undefined,
    C_Initialize: () => undefined,
    C_Finalize: () => undefined,
    C_GetSlotList: () => labels.map((_, index) => number(index)),
    C_GetTokenInfo: (slot) => ({
      label: (labels[slot[0]!] ?? '').padEnd(32),
      manufacturerID: 'maker'.padEnd(32, '\0'),
      model: 'model',
      serialNumber: '1',
      flags,
    }),
    C_OpenSession: () => number(9),
    C_CloseSession: () => undefined,
    C_Login: (_, __, pin) => {
      if (pin !== '1234') throw new Error('CKR_PIN_INCORRECT:160')
    },
    C_FindObjectsInit: () => undefined,
    C_FindObjects: () => Array.from({ length: keys }, (_, index) => number(index)),
    C_FindObjectsFinal: () => undefined,
    C_GetAttributeValue: (_, __, [asked]) => [
      {
        type: asked!.type,
        value:
          asked!.type === 0x100
            ? number(isRsa ? 0 : 3)
            : Buffer.from([fake.alwaysAuthenticate ? 1 : 0]),
      },
    ],
    C_SignInit: () => undefined,
    C_Sign: (_, data) =>
      isRsa
        ? privateEncrypt({ key: key.key, padding: constants.RSA_PKCS1_PADDING }, data)
        : signDigest(key, data),
  }
  const pkcs11 = new Proxy(methods, {
    get(target, name: keyof Pkcs11) {
      if (!(name in target)) return undefined
      return (...args: never[]) => {
        calls.push(name)
        if (failing[name]) throw new Error(failing[name])
        return (target[name] as (...all: never[]) => unknown)(...args)
      }
    },
  })
  return { pkcs11, calls }
}

/** The token gets the digest, and node:crypto wants the message: it is known here. */
function signDigest({ key }: TestKey, digest: Uint8Array): Buffer {
  expect(digest).toEqual(createHash('sha256').update(REQUEST.payload).digest())
  return sign('sha256', REQUEST.payload, { key, dsaEncoding: 'ieee-p1363' })
}

const open = (fake: Fake = {}, options: { uri?: string; pin?: Uint8Array } = { pin: PIN }) => {
  const { pkcs11, calls } = fakeModule(fake)
  const certificate = certificateOf(fake.key ?? rsa)
  const signer = pkcs11Signer({ uri: URI, certificate, ...options, load: async () => pkcs11 })
  return { signer, calls }
}

test('an RSA key gives the signature of the key in a file', async () => {
  const { signer, calls } = open()
  const opened = await signer
  expect(await opened.sign(REQUEST)).toEqual(signRaw(rsa.key, REQUEST.payload))
  expect(await opened.sign(REQUEST)).toHaveLength(256)
  opened.forget()
  opened.forget()
  expect(calls.slice(-3)).toEqual(['C_CloseSession', 'C_Finalize', 'close'])
  await expect(opened.sign(REQUEST)).rejects.toThrow(/was let go/)
})

test.each(['p256', 'p384'] as const)('a key on %s gives DER', async (algorithm) => {
  const opened = await open({ key: makeTestKey(algorithm) }).signer
  expect((await opened.sign(REQUEST))[0]).toBe(0x30)
})

test('a token that wants no PIN is not given one', async () => {
  const { signer, calls } = open({ flags: 0 }, {})
  await signer
  expect(calls).not.toContain('C_Login')
})

test('a key that wants the PIN each time is given it each time', async () => {
  const { signer, calls } = open({ alwaysAuthenticate: true })
  const opened = await signer
  await opened.sign(REQUEST)
  await opened.sign(REQUEST)
  expect(calls.filter((name) => name === 'C_Login')).toHaveLength(3)
})

test('the PIN may be in a file that the URI names', async () => {
  const path = file('pin', '1234\n')
  await expect(open({}, { uri: `${URI}&pin-source=file:${path}` }).signer).resolves.toBeDefined()
})

describe('what does not work is named, and the token let go', () => {
  const cases: readonly [string, Fake, { uri?: string; pin?: Uint8Array }, string, RegExp][] = [
    ['no PIN', {}, {}, 'PASSPHRASE_NEEDED', /token "hsm" wants its PIN/],
    ['a wrong PIN', {}, { pin: Uint8Array.of(0x39) }, 'WRONG_PASSPHRASE', /does not take this PIN/],
    ['a locked PIN', { flags: 0x40004 }, { pin: PIN }, 'WRONG_PASSPHRASE', /has locked itself/],
    ['no token', { labels: [] }, { pin: PIN }, 'NOT_FOUND', /no token is there/],
    ['another token', { labels: ['x', 'y'] }, { pin: PIN }, 'NOT_FOUND', /no token is there/],
    ['two tokens', { labels: ['hsm', 'hsm'] }, { pin: PIN }, 'NOT_FOUND', /fits 2 tokens/],
    ['no key', { keys: 0 }, { pin: PIN }, 'NOT_FOUND', /no private key that fits/],
    ['two keys', { keys: 2 }, { pin: PIN }, 'NOT_FOUND', /several private keys/],
    [
      'a removed token',
      { failing: { C_OpenSession: 'CKR_TOKEN_NOT_PRESENT:224' } },
      { pin: PIN },
      'SIGNER_FAILED',
      /token "hsm" is gone/,
    ],
    [
      'a module that fails',
      { failing: { C_Initialize: 'CKR_GENERAL_ERROR:5' } },
      { pin: PIN },
      'SIGNER_FAILED',
      /PKCS#11 module \/m\.so failed: CKR_GENERAL_ERROR/,
    ],
    [
      'a module that is not there',
      { failing: { load: '/m.so: cannot open shared object file' } },
      { pin: PIN },
      'NOT_FOUND',
      /module \/m\.so does not load/,
    ],
    ['no module', {}, { uri: 'pkcs11:token=hsm', pin: PIN }, 'BAD_OPTION', /names no module/],
    ['no URI', {}, { uri: 'release.key', pin: PIN }, 'BAD_OPTION', /begin with pkcs11:/],
    ['a PIN in the URI', {}, { uri: `${URI}&pin-value=1234` }, 'BAD_OPTION', /has the PIN in it/],
  ]
  test.each(cases)('%s', async (_, fake, options, code, message) => {
    const { signer, calls } = open(fake, options)
    await expect(signer).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
    await expect(signer).rejects.not.toThrow(/1234/)
    if (calls.includes('C_Initialize')) expect(calls).toContain('C_Finalize')
  })

  test('a token that is removed before it signs', async () => {
    const opened = await open({ failing: { C_Sign: 'CKR_DEVICE_REMOVED:50' } }).signer
    await expect(opened.sign(REQUEST)).rejects.toThrow(
      expect.objectContaining({ code: 'SIGNER_FAILED', hint: 'was it removed?' }),
    )
  })

  test('a key that is not that of the certificate', async () => {
    const { pkcs11 } = fakeModule()
    const certificate = certificateOf(makeTestKey('rsa2048'))
    const load = async () => pkcs11
    const opened = await pkcs11Signer({ uri: URI, certificate, pin: PIN, load })
    await expect(opened.sign(REQUEST)).rejects.toThrow(
      expect.objectContaining({ code: 'BAD_SIGNATURE' }),
    )
  })
})
