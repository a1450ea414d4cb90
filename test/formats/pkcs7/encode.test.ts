import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/bytes/hex.ts'
import { FormatError } from '../../../src/errors.ts'
import { decodeSignedData } from '../../../src/formats/pkcs7/decode.ts'
import { findDeviations } from '../../../src/formats/pkcs7/deviation.ts'
import { encodeSignedData } from '../../../src/formats/pkcs7/encode.ts'
import { findKernelObjection } from '../../../src/formats/pkcs7/kernel.ts'
import { makeTestKey } from '../../keys/test-keys.ts'
import { readVector } from './vectors.ts'

describe.each(['rsa', 'ec'] as const)('with the %s key of the vectors', (name) => {
  const vector = readVector(name)
  const { certificate, signature } = vector

  test('the message has the bytes openssl writes', () => {
    expect(toHex(encodeSignedData({ certificate, signature }))).toBe(toHex(vector.message))
  })

  test('the message has them also after others by the same key', () => {
    const shorter = signature.subarray(1)
    for (const other of [new Uint8Array(signature.length), shorter]) {
      for (const embedCertificate of [true, false]) {
        encodeSignedData({ certificate, signature: other, embedCertificate }).fill(0)
        const message = encodeSignedData({ certificate, signature })
        expect(toHex(message)).toBe(toHex(vector.message))
      }
    }
  })

  test('without the certificate only that is missing', () => {
    const message = encodeSignedData({ certificate, signature, embedCertificate: false })
    if (vector.messageWithoutCertificate) {
      expect(toHex(message)).toBe(toHex(vector.messageWithoutCertificate))
    }
    const full = decodeSignedData(vector.message)
    expect(decodeSignedData(message)).toEqual({ ...full, certificates: [] })
  })

  test('the message has our own shape, and the kernel has no objection', () => {
    const message = decodeSignedData(vector.message)
    expect(findDeviations(message)).toEqual([])
    expect(findKernelObjection(message)).toBeUndefined()
    expect(message.certificates).toEqual([certificate])
    expect(message.signers.map((signer) => signer.signature)).toEqual([signature])
  })
})

const refused = [
  ['Ed25519', 'ed25519', 'a key of type Ed25519 cannot sign a PKCS#7 message'],
  ['RSA-PSS', 'rsa-pss', 'a key of type RSA-PSS 2048 cannot sign a PKCS#7 message'],
] as const
test.each(refused)('refuses the certificate of an %s key', (_, type, message) => {
  const { publicKey } =
    type === 'ed25519'
      ? generateKeyPairSync(type)
      : generateKeyPairSync(type, { modulusLength: 2048 })
  const publicKeyDer = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
  const { certificate } = makeTestKey('p256', { publicKeyDer })
  const encode = () => encodeSignedData({ certificate, signature: new Uint8Array(64) })
  expect(encode).toThrow(FormatError)
  expect(encode).toThrow(message)
})

test('refuses what is no certificate', () => {
  const encode = () =>
    encodeSignedData({ certificate: new Uint8Array(10), signature: new Uint8Array(64) })
  expect(encode).toThrow(FormatError)
})
