import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { decodeSignedData } from '../../src/formats/pkcs7/decode.ts'
import { decodeVeritySignature } from '../../src/formats/verity-signature.ts'
import { decodeCertificate } from '../../src/formats/x509/decode.ts'
import { attachSignature, requestSignature, signRootHash } from '../../src/images/sign.ts'
import { fingerprintOf } from '../../src/keys/certificate.ts'
import type { SigningRequest } from '../../src/keys/signer.ts'
import { verifySignedData } from '../../src/keys/verify-signature.ts'
import { readVector } from '../formats/pkcs7/vectors.ts'
import { growCertificate } from '../keys/grow-certificate.ts'
import { makeTestKey, signRaw } from '../keys/test-keys.ts'

const ROOT_HASH = '0123456789abcdef'.repeat(4)

test('a request says what is signed and for whom, and nothing else', () => {
  expect(requestSignature(ROOT_HASH, 'hello')).toEqual({
    purpose: 'verity-root-hash',
    payload: new TextEncoder().encode(ROOT_HASH),
    digest: 'sha256',
    subject: 'hello',
  })
})

const noRootHashes = [
  '',
  ROOT_HASH.toUpperCase(),
  `${ROOT_HASH}\n`,
  ROOT_HASH.slice(2),
  'x'.repeat(64),
]
test.each(noRootHashes)('%j is no root hash', (rootHash) => {
  expect(() => requestSignature(rootHash, 'hello')).toThrow(TypeError)
})

describe.each(['rsa2048', 'p256', 'p384'] as const)('with a key of %s', (algorithm) => {
  const { key, certificate } = makeTestKey(algorithm)
  const signer = { sign: async (request: SigningRequest) => signRaw(key, request.payload) }

  test('signing gives message, partition and fingerprint', async () => {
    const signed = await signRootHash(ROOT_HASH, { signer, certificate }, 'hello')
    const message = decodeSignedData(signed.pkcs7)
    const trusted = [decodeCertificate(certificate)]
    const content = new TextEncoder().encode(ROOT_HASH)
    expect(verifySignedData(message, content, trusted).kind).toBe('valid')
    expect(message.certificates).toEqual([certificate])
    expect(signed.certificateFingerprint).toBe(fingerprintOf(certificate))
    expect(signed.partition.length).toBe(16384)
    const { rootHash, certificateFingerprint, signature } = decodeVeritySignature(signed.partition)
    expect(toHex(rootHash)).toBe(ROOT_HASH)
    expect(toHex(certificateFingerprint!)).toBe(signed.certificateFingerprint)
    expect(signature).toEqual(signed.pkcs7)
    expect(signed.warnings).toEqual([])
  })

  test('the certificate can be left out', async () => {
    const signing = { signer, certificate, embedCertificate: false }
    const { pkcs7 } = await signRootHash(ROOT_HASH, signing, 'hello')
    expect(decodeSignedData(pkcs7).certificates).toEqual([])
  })

  test('the two halves with a walk between them give the same shape', async () => {
    const request = requestSignature(ROOT_HASH, 'hello')
    const signature = await signer.sign(request)
    const { pkcs7 } = await attachSignature({ rootHash: ROOT_HASH, signature, certificate })
    expect(decodeSignedData(pkcs7).signers[0]?.signature).toEqual(signature)
  })
})

test('a signature of openssl goes in, its very message comes out', async () => {
  const { rootHash, signature, certificate, message } = readVector('rsa')
  const { pkcs7 } = await attachSignature({ rootHash, signature, certificate })
  expect(toHex(pkcs7)).toBe(toHex(message))
})

describe('a signature that does not verify is refused before anything is encoded', () => {
  const { key, certificate } = makeTestKey('p256')
  const payload = new TextEncoder().encode(ROOT_HASH)
  const good = signRaw(key, payload)
  const cases = [
    ['of another key', signRaw(makeTestKey('p256').key, payload)],
    ['of a key of another type', signRaw(makeTestKey('rsa2048').key, payload)],
    ['with a newline signed', signRaw(key, new TextEncoder().encode(`${ROOT_HASH}\n`))],
    ['that is cut off', good.subarray(0, -1)],
    ['that is followed by a newline', Uint8Array.from([...good, 10])],
    ['as r and s without DER', good.slice(-64)],
    ['that is empty', new Uint8Array()],
  ] as const
  test.each(cases)('%s', async (_, signature) => {
    await expect(attachSignature({ rootHash: ROOT_HASH, signature, certificate })).rejects.toThrow(
      expect.objectContaining({
        code: 'BAD_SIGNATURE',
        message: expect.stringContaining('CN=TEST-DO-NOT-USE p256 (EC P-256)'),
      }),
    )
  })
})

const clocks = [
  ['2025-01-01', ['certificate CN=TEST-DO-NOT-USE p256 is not valid before 2026-01-01']],
  ['2030-01-01', []],
  ['2040-01-01', ['certificate CN=TEST-DO-NOT-USE p256 expired on 2036-01-01']],
] as const
test.each(clocks)('signing in %s warns as the clock demands', async (now, warnings) => {
  const { key, certificate } = makeTestKey('p256')
  const signature = signRaw(key, new TextEncoder().encode(ROOT_HASH))
  const signed = await attachSignature({
    rootHash: ROOT_HASH,
    signature,
    certificate,
    now: new Date(now),
  })
  expect(signed.warnings).toEqual(warnings)
})

test('a message too long for its partition is refused with a way out', async () => {
  const { key, certificate } = makeTestKey('p256', { commonName: 'x'.repeat(64) })
  const signature = signRaw(key, new TextEncoder().encode(ROOT_HASH))
  const large = growCertificate(certificate, 12 * 1024)
  await expect(
    attachSignature({ rootHash: ROOT_HASH, signature, certificate: large }),
  ).rejects.toThrow(
    expect.objectContaining({ code: 'TOO_LARGE', hint: expect.stringContaining('certificate') }),
  )
})
