import { describe, expect, test } from 'vitest'
import { decodeBase64 } from '../../src/bytes/decode-base64.ts'
import { fromHex } from '../../src/bytes/hex.ts'
import { allocateSecret, copySecret, joinSecret, secretOfText } from '../../src/bytes/secret.ts'
import { decryptAesCfb, encryptAesCfb } from '../../src/crypto/aes-cfb.ts'
import { decryptGcm, encryptGcm } from '../../src/crypto/aes-gcm.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { hmacSha256, sha256 } from '../../src/crypto/sha256.ts'
import { deriveKey } from '../../src/formats/tpm2/key-derivation.ts'
import { buffer, Cursor, record, sized } from '../../src/formats/tpm2/wire.ts'

const BYTES = fromHex('00112233445566778899aabbccddeeff')!
const KEY = new Uint8Array(32).fill(1)
const gcm = { key: KEY, iv: KEY.subarray(0, 12), additional: BYTES }

/**
 * Whether results lie in V8's heap: then they are moved out, which takes memory, when their buffer is
 * asked for.
 */
function isInside(make: () => Uint8Array): boolean {
  const kept = Array.from({ length: 1000 }, make)
  const before = process.memoryUsage().arrayBuffers
  const size = kept.reduce((sum, bytes) => sum + bytes.buffer.byteLength, 0)
  return process.memoryUsage().arrayBuffers - before > size / 2
}

describe('memory outside of the heap, and of its own, has', () => {
  test.each<[string, () => Uint8Array]>([
    ['what is allocated for a secret', () => allocateSecret(16)],
    ['the copy of one', () => copySecret(BYTES)],
    ['one that was joined', () => joinSecret([BYTES.slice(0, 8), BYTES.slice(8)])],
    ['one that was text', () => secretOfText('0123456789abcdef')],
    ['one that was base64', () => decodeBase64(Buffer.from('AAECAwQFBgcICQoLDA0ODw=='))!],
    ['what is random', () => randomBytes(16)],
    ['a digest', () => sha256(BYTES)],
    ['a digest of parts', () => sha256(BYTES, BYTES)],
    ['an HMAC', () => hmacSha256(KEY, BYTES)],
    ['a derived key', () => deriveKey(KEY, 'KEY', BYTES, 16)],
    ['what AES-CFB decrypts', () => decryptAesCfb(KEY, BYTES, encryptAesCfb(KEY, BYTES, BYTES))],
    [
      'what AES-GCM decrypts',
      () => {
        const { ciphertext, tag } = encryptGcm(gcm, BYTES)
        return decryptGcm(gcm, ciphertext, tag)!
      },
    ],
    ['what is read from a message', () => new Cursor(BYTES).take(16, 'secret')],
    ['what is written into one', () => buffer(16).write(BYTES)],
    ['what is written in layers', () => sized(record({ it: buffer(16) })).write({ it: BYTES })],
  ])('%s', (_, make) => {
    expect(isInside(make)).toBe(false)
    const bytes = make()
    // Base64 is decoded into what its longest bytes would take.
    expect(bytes.buffer.byteLength).toBeLessThanOrEqual(bytes.length + 2)
  })
})

test('an array of that size alone would be inside', () => {
  expect(isInside(() => new Uint8Array(16))).toBe(true)
})

test('what is joined is overwritten, what is copied is not', () => {
  const parts = [Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3)]
  expect(joinSecret(parts)).toEqual(Uint8Array.of(1, 2, 3))
  expect(parts).toEqual([Uint8Array.of(0, 0), Uint8Array.of(), Uint8Array.of(0)])
  const original = Uint8Array.of(1, 2)
  expect(copySecret(original)).toEqual(original)
  expect(secretOfText('é')).toEqual(Uint8Array.of(0xc3, 0xa9))
})
