import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { inspectCredential } from '../../src/credentials/inspect.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import { encodeCredential } from '../../src/formats/credential/encode.ts'
import { CREDENTIAL_TYPES } from '../../src/formats/credential/types.ts'
import { CONTENT, readVector, VECTOR_NAMES } from '../formats/credential/vectors.ts'

const vector = readVector('tpm2-pinned')

test('a null key hides nothing', () => {
  expect(inspectCredential(readVector('null').credential)).toMatchObject({
    type: 'null',
    size: 95,
    needs: [],
    scope: 'system',
    since: { since: '251' },
    content: { ...CONTENT.metadata, secretSize: 7 },
  })
})

test('a damaged one with a null key is shown without content', () => {
  const credential = readVector('null').credential
  credential[60]! ^= 1
  expect(inspectCredential(credential).content).toBeUndefined()
})

test('a scoped one needs the secret of its host', () => {
  expect(inspectCredential(readVector('host-scoped').credential)).toMatchObject({
    type: 'host, scoped',
    needs: ['host-secret'],
    scope: 'user',
    encryptedSize: 31,
    since: { since: '256' },
    content: undefined,
  })
})

test('a pinned one names the key that it was sealed to, and how', () => {
  expect(inspectCredential(vector.credential)).toMatchObject({
    type: 'tpm2, pinned',
    needs: ['tpm2'],
    since: { since: '262' },
    tpm2: {
      bank: 'sha256',
      pcrs: [],
      parentType: 'ecc',
      policy: undefined,
      sealedOffDevice: true,
    },
    parent: {
      handle: '0x81000001',
      name: '000b267d545e9bc4e8941807b668b0fc64801c6f2920fb5beae6f1a4e0103f1cb6e3',
    },
  })
})

describe('one with a public key', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const seal = (blob: Uint8Array, pem: Uint8Array) =>
    encodeCredential(
      {
        ...CONTENT,
        headers: {
          type: CREDENTIAL_TYPES.find(({ name }) => name === 'tpm2 with public key')!,
          iv: CONTENT.iv,
          tpm2: {
            pcrMask: 0x80,
            bank: 12,
            parentType: 1,
            blob,
            policyHash: new Uint8Array(32).fill(0xab),
          },
          publicKey: { pcrMask: 0x1800, pem },
        },
      },
      vector.key,
    )
  const pem = new TextEncoder().encode(`${publicKey.export({ type: 'spki', format: 'pem' })}`)
  const blob = vector.bytes('blob')

  test('is shown with its fingerprint, its PCRs and its policy', () => {
    expect(inspectCredential(seal(blob, pem))).toMatchObject({
      needs: ['tpm2', 'pcr-signature'],
      since: { since: '255.3' },
      tpm2: { bank: 'sha384', pcrs: [7], parentType: 'rsa', policy: 'ab'.repeat(32) },
      publicKey: {
        pcrs: [11, 12],
        fingerprint: toHex(sha256(publicKey.export({ type: 'pkcs1', format: 'der' }))),
      },
    })
  })

  test('sealed by the TPM is readable for older ones', () => {
    const online = blob.subarray(0, blob.length - 70)
    expect(inspectCredential(seal(online, pem))).toMatchObject({
      since: { since: '252' },
      tpm2: { sealedOffDevice: false },
    })
  })

  test.each([
    ['no text', Uint8Array.of(0xff, 0xfe)],
    ['no PEM', new TextEncoder().encode('hello')],
    ['a block without an end', new TextEncoder().encode('-----BEGIN PUBLIC KEY-----\nAAAA\n')],
  ])('that is %s has no fingerprint', (_, pem) => {
    expect(inspectCredential(seal(blob, pem)).publicKey?.fingerprint).toBeUndefined()
  })

  test('a blob that makes no sense is refused', () => {
    expect(() => inspectCredential(seal(Uint8Array.of(1, 2, 3), pem))).toThrow(
      expect.objectContaining({ name: 'FormatError' }),
    )
  })
})

test('any damage gives a value or a FormatError', () => {
  for (const name of VECTOR_NAMES) {
    const { credential } = readVector(name)
    for (let offset = 0; offset < credential.length; offset++) {
      const damaged = credential.slice()
      damaged[offset]! ^= 0x41
      try {
        inspectCredential(damaged)
      } catch (error) {
        expect(error).toMatchObject({ name: 'FormatError' })
      }
    }
  }
})
