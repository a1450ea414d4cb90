/**
 * RSAES-OAEP encryption (RFC 8017 §7.1.1) with SHA-256, its seed from outside: OpenSSL draws its own,
 * and what is drawn inside cannot be compared with a vector.
 */

import { constants, createPublicKey, publicEncrypt } from 'node:crypto'
import { concat } from '../bytes/concat.ts'
import type { Random } from './random.ts'
import { sha256 } from './sha256.ts'

/** An RSA public key: the modulus without leading zeros. */
export interface RsaPublicKey {
  readonly modulus: Uint8Array
  readonly exponent: number
}

const DIGEST_SIZE = 32

/**
 * Encrypts a short message; `label` goes into it as it is, terminating NUL included where one is
 * wanted.
 *
 * @throws RangeError where the message is too long for the key.
 */
export function encryptRsaOaep(
  key: RsaPublicKey,
  label: Uint8Array,
  message: Uint8Array,
  random: Random,
): Uint8Array {
  const dataSize = key.modulus.length - DIGEST_SIZE - 1
  if (message.length > dataSize - DIGEST_SIZE - 1) {
    throw new RangeError(`${message.length} bytes for an RSA key of ${key.modulus.length}`)
  }
  // DB = lHash || PS || 0x01 || M
  const data = new Uint8Array(dataSize)
  data.set(sha256(label))
  data[dataSize - message.length - 1] = 0x01
  data.set(message, dataSize - message.length)
  const seed = random(DIGEST_SIZE)
  xorInto(data, mask(seed, dataSize))
  xorInto(seed, mask(data, DIGEST_SIZE))
  const encoded = concat(Uint8Array.of(0x00), seed, data)
  const encrypted = publicEncrypt(
    { key: toKeyObject(key), padding: constants.RSA_NO_PADDING },
    encoded,
  )
  // Masked, but each with what the other gives.
  for (const secret of [encoded, seed, data]) secret.fill(0)
  return new Uint8Array(encrypted)
}

/** MGF1 with SHA-256, RFC 8017 appendix B.2.1. */
function mask(seed: Uint8Array, size: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(size / DIGEST_SIZE) }, (_, counter) =>
    sha256(seed, Uint8Array.of(0, 0, 0, counter)),
  )
  return concat(...blocks).subarray(0, size)
}

function xorInto(target: Uint8Array, other: Uint8Array): void {
  for (let index = 0; index < target.length; index++) target[index] = target[index]! ^ other[index]!
}

function toKeyObject({ modulus, exponent }: RsaPublicKey) {
  const e = Buffer.alloc(4)
  e.writeUInt32BE(exponent)
  const encoded = { n: Buffer.from(modulus).toString('base64url'), e: e.toString('base64url') }
  return createPublicKey({ key: { kty: 'RSA', ...encoded }, format: 'jwk' })
}
