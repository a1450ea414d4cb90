import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { decodeSignedData, type SignedData } from '../../src/formats/pkcs7/decode.ts'
import { decodeCertificate } from '../../src/formats/x509/decode.ts'
import { isSignatureValid, verifySignedData } from '../../src/keys/verify-signature.ts'
import { readVector } from '../formats/pkcs7/vectors.ts'
import { makeTestKey, signRaw } from './test-keys.ts'

const content = (text: string) => new TextEncoder().encode(text)

describe.each(['rsa', 'ec'] as const)('a message of openssl with an %s key', (name) => {
  const vector = readVector(name)
  const message = decodeSignedData(vector.message)
  const certificate = decodeCertificate(vector.certificate)
  const stranger = decodeCertificate(makeTestKey('p256').certificate)
  const rootHash = content(vector.rootHash)

  test('verifies, the wrong certificate first', () => {
    const verification = verifySignedData(message, rootHash, [stranger, certificate])
    expect(verification).toEqual({ kind: 'valid', signers: [certificate] })
  })

  test('does not verify another root hash, nor one with a newline', () => {
    for (const wrong of [toHex(rootHash), `${vector.rootHash}\n`, vector.rootHash.toUpperCase()]) {
      expect(verifySignedData(message, content(wrong), [certificate]).kind).toBe('bad-signature')
    }
  })

  test('the certificate in the message counts for nothing', () => {
    expect(verifySignedData(message, rootHash, []).kind).toBe('unknown-signer')
    expect(verifySignedData(message, rootHash, [stranger]).kind).toBe('unknown-signer')
  })

  test('no signer is no signature', () => {
    const empty: SignedData = { ...message, signers: [] }
    expect(verifySignedData(empty, rootHash, [certificate]).kind).toBe('unknown-signer')
  })

  test('every signer has to verify', () => {
    const [signer] = message.signers
    const broken = { ...signer!, signature: signer!.signature.with(40, 0) }
    const two: SignedData = { ...message, signers: [signer!, broken] }
    expect(verifySignedData(two, rootHash, [certificate]).kind).toBe('bad-signature')
  })

  test('another certificate with the same issuer and serial number does not verify', () => {
    const forged = { ...certificate, publicKeyDer: stranger.publicKeyDer }
    expect(verifySignedData(message, rootHash, [forged]).kind).toBe('bad-signature')
  })
})

test('signed attributes are what is signed, and they must hold the digest of the content', () => {
  const { key, certificate: der } = makeTestKey('p256')
  const certificate = decodeCertificate(der)
  const attributes = content('attributes')
  const message = (digestOf: string): SignedData => ({
    ...decodeSignedData(readVector('ec').message),
    signers: [
      {
        ...decodeSignedData(readVector('ec').message).signers[0]!,
        identifier: {
          kind: 'issuer-and-serial',
          issuer: certificate.issuer.der,
          serial: certificate.serialDer,
        },
        signature: signRaw(key, attributes),
        signedAttributes: {
          der: attributes,
          messageDigest: new Uint8Array(createHash('sha256').update(digestOf).digest()),
          contentType: '1.2.840.113549.1.7.1',
        },
      },
    ],
  })
  const verify = (digestOf: string) =>
    verifySignedData(message(digestOf), content('hello'), [certificate]).kind
  expect(verify('hello')).toBe('valid')
  expect(verify('other')).toBe('bad-signature')
})

describe('raw signatures', () => {
  const { key, certificate: der } = makeTestKey('rsa2048')
  const certificate = decodeCertificate(der)
  const payload = content('payload')
  const signature = signRaw(key, payload)

  test('hold for their payload and digest only', () => {
    expect(isSignatureValid(certificate, 'sha256', payload, signature)).toBe(true)
    expect(isSignatureValid(certificate, 'sha512', payload, signature)).toBe(false)
    expect(isSignatureValid(certificate, 'sha256', content('other'), signature)).toBe(false)
  })

  test('of any length and content are an answer, not an exception', () => {
    for (const size of [0, 1, 255, 257, 10_000]) {
      const answer = isSignatureValid(certificate, 'sha256', payload, new Uint8Array(size))
      expect(answer).toBe(false)
    }
  })

  test('a key that OpenSSL cannot use verifies nothing', () => {
    const broken = { ...certificate, publicKeyDer: certificate.publicKeyDer.subarray(0, 50) }
    expect(isSignatureValid(broken, 'sha256', payload, signature)).toBe(false)
    const unknown = { ...certificate, publicKey: { kind: 'other', name: 'Ed25519' } } as const
    expect(isSignatureValid(unknown, 'sha256', payload, signature)).toBe(false)
  })
})
