import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { encodeEcdsaSignature } from '../../src/formats/ecdsa-signature.ts'

test.each([
  ['0102', '3006020101020102'],
  ['007f0080', '300702017f02020080'],
  ['00000000', '3006020100020100'],
  ['ff01ffff', '300a020300ff01020300ffff'],
])('of %s is %s', (plain, der) => {
  expect(toHex(encodeEcdsaSignature(new Uint8Array(Buffer.from(plain, 'hex'))))).toBe(der)
})

describe.each(['P-256', 'P-384', 'P-521'])('of %s', (namedCurve) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  test('verifies as DER, for many signatures', () => {
    for (let round = 0; round < 100; round++) {
      const message = Buffer.from(`message ${round}`)
      const plain = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      const der = encodeEcdsaSignature(plain)
      expect(verify('sha256', message, { key: publicKey, dsaEncoding: 'der' }, der)).toBe(true)
    }
  })
})

test.each([0, 1, 63, 134, 1000])('%d bytes are not two numbers', (size) => {
  expect(() => encodeEcdsaSignature(new Uint8Array(size))).toThrow(/not r and s/)
})
