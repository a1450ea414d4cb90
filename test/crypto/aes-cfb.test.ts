import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { decryptAesCfb, encryptAesCfb } from '../../src/crypto/aes-cfb.ts'

const IV = fromHex('000102030405060708090a0b0c0d0e0f')!
const PLAINTEXT = fromHex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51')!

// NIST SP 800-38A appendix F.3.13 and F.3.17, the first two blocks.
test.each([
  [
    '2b7e151628aed2a6abf7158809cf4f3c',
    '3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b',
  ],
  [
    '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
    'dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b',
  ],
])('AES in CFB mode with the key %s', (hex, expected) => {
  const key = fromHex(hex)!
  expect(toHex(encryptAesCfb(key, IV, PLAINTEXT))).toBe(expected)
  expect(decryptAesCfb(key, IV, fromHex(expected)!)).toEqual(PLAINTEXT)
  // As a stream cipher it stops anywhere.
  const part = PLAINTEXT.slice(0, 21)
  expect(toHex(encryptAesCfb(key, IV, part))).toBe(expected.slice(0, 42))
  expect(encryptAesCfb(key, IV, new Uint8Array())).toHaveLength(0)
})
