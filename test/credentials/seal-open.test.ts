import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../../src/bytes/hex.ts'
import { acceptsNull, readFirmwareState } from '../../src/credentials/firmware.ts'
import { type OpenOptions, openCredential } from '../../src/credentials/open.ts'
import { type SealOptions, sealCredential } from '../../src/credentials/seal.ts'
import { assertReadableBy, findReadability } from '../../src/credentials/target.ts'
import { transcode, withNewline } from '../../src/credentials/transcode.ts'
import { CREDENTIAL_TYPES, findTypeByBinding } from '../../src/formats/credential/types.ts'
import { CONTENT, HOST_SECRET, readVector } from '../formats/credential/vectors.ts'
import { temporaryFolder } from '../support/temporary.ts'

const machineId = fromHex('0123456789abcdef0123456789abcdef')!
const root = { uid: 0, userName: 'root', machineId }
const vector = readVector('tpm2-pinned')
const TPM = {
  secret: vector.bytes('tpm-secret'),
  seal: {
    pcrMask: 0,
    bank: 11,
    parentType: 35,
    blob: vector.bytes('blob'),
    policyHash: new Uint8Array(32),
  },
  parent: vector.bytes('parent'),
}

const plain: SealOptions = {
  ...CONTENT.metadata,
  secret: CONTENT.secret,
  random: () => CONTENT.iv.slice(),
}
const seal = (options: Partial<SealOptions> = {}) =>
  sealCredential({ ...plain, host: HOST_SECRET, ...options }).credential

const open = (credential: Uint8Array, options: Partial<OpenOptions> = {}) =>
  openCredential({ credential, acceptNull: true, host: async () => HOST_SECRET, ...options })

test.each<[Parameters<typeof readVector>[0], Partial<SealOptions>]>([
  ['null', {}],
  ['host', { host: HOST_SECRET }],
  ['host-scoped', { host: HOST_SECRET, scope: root }],
  ['tpm2-pinned', { tpm: TPM }],
])('%s.txt is sealed byte for byte', (name, keys) => {
  const sealed = sealCredential({ ...plain, ...keys })
  expect(sealed.credential).toEqual(readVector(name).credential)
  expect(sealed.type.name).toBe(readVector(name).type)
})

describe('is not sealed:', () => {
  const refusals: [string, Partial<SealOptions>, string, string][] = [
    ['a path as a name', { name: 'a/b' }, 'BAD_NAME', "'a/b' cannot be the name of a credential"],
    ['an end before the start', { notAfter: 1n }, 'BAD_TIME', 'it would end before it begins'],
    ['an end at the start', { notAfter: plain.timestamp }, 'BAD_TIME', 'it would end'],
    ['too much', { secret: new Uint8Array(1_048_577) }, 'TOO_LARGE', 'has 1048577 bytes'],
    ['a scope without a host', { host: undefined, scope: root }, 'BAD_SCOPE', 'needs the secret'],
  ]
  test.each(refusals)('%s', (_, options, code, message) => {
    const error = { code, message: expect.stringContaining(message) }
    expect(() => seal(options)).toThrow(expect.objectContaining(error))
  })
})

test('the longest secret is sealed and opened', async () => {
  const secret = new Uint8Array(1_048_576).fill(7)
  expect((await open(seal({ secret }))).secret.length).toBe(secret.length)
})

test('an empty secret is sealed and opened', async () => {
  expect((await open(seal({ secret: new Uint8Array(0) }))).secret.length).toBe(0)
})

describe('is opened:', () => {
  test('under its name', async () => {
    const opened = await open(seal(), { names: ['bar', 'foo'] })
    expect(opened).toMatchObject({ name: 'foo', timestamp: plain.timestamp, notAfter: undefined })
    expect(new Uint8Array(opened.secret)).toEqual(CONTENT.secret)
  })

  test('under every name where it has none', async () => {
    expect((await open(seal({ name: undefined }), { names: ['bar'] })).name).toBeUndefined()
  })

  test('until its last microsecond, and later without a clock', async () => {
    const notAfter = plain.timestamp! + 5n
    const credential = seal({ notAfter })
    expect((await open(credential, { now: notAfter })).notAfter).toBe(notAfter)
    expect((await open(credential)).notAfter).toBe(notAfter)
  })

  test('although its time lies ahead', async () => {
    expect((await open(seal(), { now: 1n })).name).toBe('foo')
  })

  test('with what the TPM unseals, which is overwritten', async () => {
    const unsealed = TPM.secret.slice()
    const tpm = async () => unsealed
    const opened = await open(seal({ tpm: TPM }), { tpm })
    expect(opened.type.name).toBe('host+tpm2, pinned')
    expect(unsealed).toEqual(new Uint8Array(32))
  })

  test('without asking for keys that it does not need', async () => {
    const never = () => Promise.reject(new Error('asked'))
    expect((await open(seal({ host: undefined }), { host: never, tpm: never })).name).toBe('foo')
  })
})

describe('is refused:', () => {
  const other = { ...root, uid: 1 }
  const cases: [string, Partial<SealOptions>, Partial<OpenOptions>, string, string][] = [
    ['a null key', { host: undefined }, { acceptNull: false }, 'NULL_REFUSED', 'null key'],
    ['one of a user', { scope: root }, {}, 'BAD_SCOPE', 'it belongs to one user'],
    ['one of no user', {}, { scope: root }, 'BAD_SCOPE', 'it belongs to no user'],
    ['one without its host', {}, { host: undefined }, 'KEY_NEEDED', 'needs the secret of its host'],
    ['one without its TPM', { tpm: TPM }, {}, 'KEY_NEEDED', 'needs the TPM it was sealed for'],
    [
      'another host',
      {},
      { host: async () => new Uint8Array(4096) },
      'WRONG_KEY',
      'the key does not fit: it was sealed with another host secret, or it is damaged',
    ],
    ['another user', { scope: root }, { scope: other }, 'WRONG_KEY', 'for another user or machine'],
    ['another name', {}, { names: ['bar', 'baz'] }, 'NAME_MISMATCH', "called 'foo', not 'bar'"],
    [
      'after its time',
      { notAfter: 1_700_000_000_000_001n },
      { now: 1_700_000_000_000_002n },
      'EXPIRED',
      'it was valid until 2023-11-14T22:13:20Z',
    ],
    [
      'another name, although it has expired too',
      { notAfter: 1_700_000_000_000_001n },
      { now: 1_800_000_000_000_000n, names: ['bar'] },
      'NAME_MISMATCH',
      'it is called',
    ],
  ]
  test.each(cases)('%s', async (_, sealing, opening, code, message) => {
    const error = { code, message: expect.stringContaining(message) }
    await expect(open(seal(sealing), opening)).rejects.toThrow(expect.objectContaining(error))
  })

  test('a damaged null key, which no other key explains', async () => {
    const credential = seal({ host: undefined })
    credential[60]! ^= 1
    await expect(open(credential)).rejects.toThrow('the key does not fit: it is damaged')
  })
})

describe('the oldest systemd that opens it', () => {
  const type = (words: string) => CREDENTIAL_TYPES.find(({ name }) => name === words)!
  test.each([
    ['null', false, '251'],
    ['host', false, '250'],
    ['host, scoped', false, '256'],
    ['tpm2', false, '250'],
    ['tpm2', true, '255'],
    ['tpm2 with public key', false, '252'],
    ['tpm2 with public key', true, '255.3'],
    ['host+tpm2, scoped', true, '256'],
    ['tpm2, pinned', true, '262'],
  ])('of type %s, sealed off-device: %s, is %s', (name, offDevice, since) => {
    expect(findReadability(type(name), offDevice).since).toBe(since)
    expect(() => assertReadableBy(since, type(name), offDevice)).not.toThrow()
  })

  test('is said to whoever wants an older one', () => {
    expect(() => assertReadableBy('261.2', type('tpm2, pinned'), false)).toThrow(
      "systemd 261.2 cannot open it: type 'tpm2, pinned' came with systemd 262",
    )
    expect(() => assertReadableBy('255.2', type('tpm2 with public key'), true)).toThrow(
      'systemd 255.2 cannot open it: systemd 255.3 is the first',
    )
  })
})

test('every type is found by what it is bound to, and nothing else is a type', () => {
  for (const type of CREDENTIAL_TYPES) expect(findTypeByBinding(type)).toBe(type)
  const binding = { host: false, tpm2: true, publicKey: false, pinned: false, scoped: true }
  expect(findTypeByBinding(binding)).toBeUndefined()
  expect(new Set(CREDENTIAL_TYPES.map(({ name }) => name)).size).toBe(15)
})

describe('a null key', () => {
  const sysfs = temporaryFolder()

  test.each([
    [true, true, false],
    [true, false, true],
    [false, true, true],
    [false, false, true],
  ])('with Secure Boot %s and a TPM %s is accepted: %s', (secureBoot, tpm2, accepted) => {
    expect(acceptsNull({ secureBoot, tpm2 })).toBe(accepted)
  })

  test('is judged by what the firmware says', async () => {
    expect(await readFirmwareState(join(sysfs, 'nothing'))).toEqual({
      secureBoot: false,
      tpm2: false,
    })
    mkdirSync(join(sysfs, 'firmware/efi/efivars'), { recursive: true })
    mkdirSync(join(sysfs, 'class/tpmrm/tpmrm0'), { recursive: true })
    const variable = 'SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c'
    writeFileSync(join(sysfs, 'firmware/efi/efivars', variable), Uint8Array.of(6, 0, 0, 0, 1))
    expect(await readFirmwareState(sysfs)).toEqual({ secureBoot: true, tpm2: true })
  })
})

describe('a secret in another form', () => {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
  const bytes = (content: string) => new TextEncoder().encode(content)

  test('is encoded', () => {
    expect(text(transcode(Uint8Array.of(0, 255), 'hex'))).toBe('00ff')
    expect(text(transcode(new Uint8Array(60), 'base64'))).toBe(`${'A'.repeat(79)}\nA`)
    expect(transcode(new Uint8Array(0), 'base64').length).toBe(0)
  })

  test('is decoded', () => {
    expect(transcode(bytes('00 F\nf'), 'unhex')).toEqual(Uint8Array.of(0, 255))
    expect(transcode(bytes('AAH/\n'), 'unbase64')).toEqual(Uint8Array.of(0, 1, 255))
  })

  test.each(['unhex', 'unbase64'] as const)('that is not %s is refused', (form) => {
    expect(() => transcode(bytes('hunter2!'), form)).toThrow(/^the secret is not \w+ text$/)
  })

  test('ends with one newline', () => {
    expect(text(withNewline(bytes('a')))).toBe('a\n')
    expect(text(withNewline(bytes('a\n')))).toBe('a\n')
    expect(text(withNewline(bytes('')))).toBe('\n')
  })
})
