import { constants, generateKeyPairSync, privateDecrypt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { randomBytes } from '../../src/crypto/random.ts'
import { encryptRsaOaep } from '../../src/crypto/rsa-oaep.ts'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n!, 'base64url')
const key = { modulus, exponent: 65537 }
const label = new TextEncoder().encode('SECRET\0')
const LONGEST = 256 - 2 * 32 - 2

describe('OAEP with SHA-256', () => {
  test.each([0, 1, 32, LONGEST])('OpenSSL decrypts a message of %i bytes', (size) => {
    const message = randomBytes(size)
    const encrypted = encryptRsaOaep(key, label, message, randomBytes)
    const options = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
    const decrypted = privateDecrypt({ key: privateKey, ...options, oaepLabel: label }, encrypted)
    expect(new Uint8Array(decrypted)).toEqual(message)
  })

  test('gives the same bytes for the same seed, and others for another', () => {
    const encrypt = (byte: number) =>
      encryptRsaOaep(key, label, label, (size) => new Uint8Array(size).fill(byte))
    expect(encrypt(1)).toEqual(encrypt(1))
    expect(encrypt(1)).not.toEqual(encrypt(2))
  })

  test('refuses a message that is too long', () => {
    const message = randomBytes(LONGEST + 1)
    expect(() => encryptRsaOaep(key, label, message, randomBytes)).toThrow(RangeError)
  })
})
