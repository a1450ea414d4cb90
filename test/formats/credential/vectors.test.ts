import { describe, expect, test } from 'vitest'
import { fromHex } from '../../../src/bytes/hex.ts'
import { sha256 } from '../../../src/crypto/sha256.ts'
import { decodeCredential, decryptCredential } from '../../../src/formats/credential/decode.ts'
import { encodeCredential, encodeHeaders } from '../../../src/formats/credential/encode.ts'
import {
  decodeHostSecret,
  encodeHostSecret,
  machineBinding,
  parseMachineId,
} from '../../../src/formats/credential/host-secret.ts'
import { deriveKey, type KeyParts } from '../../../src/formats/credential/keys.ts'
import { CONTENT, HOST_SECRET, readVector, VECTOR_NAMES } from './vectors.ts'

describe.each(VECTOR_NAMES)('%s.txt', (name) => {
  const vector = readVector(name)
  const sealed = decodeCredential(vector.credential)

  test('opens with its key', () => {
    expect(sealed.headers.type.name).toBe(vector.type)
    expect(sealed.headers.iv).toEqual(CONTENT.iv)
    const { metadata, secret } = decryptCredential(sealed, vector.key)!
    expect(metadata).toEqual(CONTENT.metadata)
    expect(new Uint8Array(secret)).toEqual(CONTENT.secret)
  })

  test('opens with no other key', () => {
    const key = vector.key.slice()
    key[31]! ^= 1
    expect(decryptCredential(sealed, key)).toBeUndefined()
  })

  test('comes out byte for byte when its parts are encoded', () => {
    const { headers } = sealed
    expect(encodeHeaders(headers)).toEqual(new Uint8Array(sealed.additional))
    expect(encodeCredential({ ...CONTENT, headers }, vector.key)).toEqual(vector.credential)
  })
})

test.each<[string, KeyParts]>([
  ['null', {}],
  ['host', { host: HOST_SECRET }],
  [
    'host-scoped',
    {
      host: HOST_SECRET,
      scope: { uid: 0, userName: 'root', machineId: readVector('host').bytes('machine-id') },
    },
  ],
  ['tpm2-pinned', { tpm: readVector('tpm2-pinned').bytes('tpm-secret') }],
] as const)('the key of %s.txt is derived from what its type demands', (name, parts) => {
  expect(deriveKey(parts)).toEqual(readVector(name as 'null').key)
})

test('the key of a host and a TPM is made of both, the host first', () => {
  const tpm = readVector('tpm2-pinned').bytes('tpm-secret')
  expect(deriveKey({ host: HOST_SECRET, tpm })).toEqual(sha256(HOST_SECRET, tpm))
})

test('the headers of a pinned credential are found', () => {
  const vector = readVector('tpm2-pinned')
  const { tpm2, parent, publicKey } = decodeCredential(vector.credential).headers
  expect(tpm2).toMatchObject({ pcrMask: 0, bank: 0x000b, parentType: 0x0023 })
  expect(new Uint8Array(tpm2!.blob)).toEqual(vector.bytes('blob'))
  expect(new Uint8Array(tpm2!.policyHash)).toEqual(new Uint8Array(32))
  expect(new Uint8Array(parent!)).toEqual(vector.bytes('parent'))
  expect(publicKey).toBeUndefined()
})

describe('a host secret', () => {
  const vector = readVector('host')
  const binding = vector.bytes('binding')

  test('is bound to a machine ID', () => {
    expect(machineBinding(vector.bytes('machine-id'))).toEqual(binding)
  })

  test('is 16 bytes of binding and the secret', () => {
    const file = encodeHostSecret({ binding, secret: HOST_SECRET })
    expect(file.length).toBe(4112)
    const decoded = decodeHostSecret(file)
    expect(new Uint8Array(decoded.binding)).toEqual(binding)
    expect(new Uint8Array(decoded.secret)).toEqual(HOST_SECRET)
  })

  test.each([
    [0, 'TRUNCATED'],
    [16, 'TRUNCATED'],
    [4113, 'TOO_LARGE'],
  ])('of %i bytes is refused', (size, code) => {
    expect(() => decodeHostSecret(new Uint8Array(size))).toThrow(expect.objectContaining({ code }))
  })
})

test.each([
  ['0123456789abcdef0123456789abcdef\n', '0123456789abcdef0123456789abcdef'],
  ['01234567-89ab-cdef-0123-456789abcdef', '0123456789abcdef0123456789abcdef'],
  ['0123456789ABCDEF0123456789ABCDEF', '0123456789abcdef0123456789abcdef'],
  ['00000000000000000000000000000000', undefined],
  ['uninitialized\n', undefined],
  ['', undefined],
  ['0123456789abcdef0123456789abcde', undefined],
])('the machine ID in %j is %s', (text, expected) => {
  expect(parseMachineId(text)).toEqual(expected === undefined ? undefined : fromHex(expected))
})
