/** Diffie-Hellman with a fresh key on a NIST curve (NIST SP 800-56A §5.7.1.2), scalars from outside. */

import { createECDH, ECDH } from 'node:crypto'
import { compareBytes } from '../bytes/equal.ts'
import { fromHex } from '../bytes/hex.ts'
import { allocateSecret } from '../bytes/secret.ts'
import type { Random } from './random.ts'

/** A point by its coordinates, each as long as the field. */
export interface EcPoint {
  readonly x: Uint8Array
  readonly y: Uint8Array
}

export type EcCurve = keyof typeof CURVES

/** A random source that gives an impossible scalar this often in a row is broken. */
const MAX_TRIES = 64

const P256_ORDER = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
const P384_ORDER =
  'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973'
const P521_ORDER =
  '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409'

/** FIPS 186-4 appendix D.1.2: the order of each group; `fieldSize` in bytes. */
const CURVES = {
  p256: { openssl: 'prime256v1', fieldSize: 32, topBits: 0xff, order: fromHex(P256_ORDER)! },
  p384: { openssl: 'secp384r1', fieldSize: 48, topBits: 0xff, order: fromHex(P384_ORDER)! },
  p521: { openssl: 'secp521r1', fieldSize: 66, topBits: 0x01, order: fromHex(P521_ORDER)! },
} as const

/** Bytes of a coordinate. */
export function fieldSize(curve: EcCurve): number {
  return CURVES[curve].fieldSize
}

/** Whether the coordinates have the right size and belong to a point of the curve. */
export function isOnCurve(curve: EcCurve, point: EcPoint): boolean {
  const { openssl, fieldSize } = CURVES[curve]
  if (point.x.length !== fieldSize || point.y.length !== fieldSize) return false
  try {
    ECDH.convertKey(uncompressed(point), openssl)
    return true
  } catch {
    return false
  }
}

/**
 * Makes a key for this one use and agrees on a secret with `peer`, a point of the curve.
 *
 * @returns the public point of the fresh key, and the x-coordinate of the shared point.
 */
export function agreeOnSecret(
  curve: EcCurve,
  peer: EcPoint,
  random: Random,
): { readonly ephemeral: EcPoint; readonly secret: Uint8Array } {
  const { openssl, fieldSize } = CURVES[curve]
  const scalar = makeScalar(curve, random)
  const ecdh = createECDH(openssl)
  ecdh.setPrivateKey(scalar)
  scalar.fill(0)
  const point = new Uint8Array(ecdh.getPublicKey())
  const shared = ecdh.computeSecret(uncompressed(peer))
  const secret = allocateSecret(fieldSize)
  secret.set(shared, fieldSize - shared.length)
  shared.fill(0)
  const ephemeral = { x: point.slice(1, 1 + fieldSize), y: point.slice(1 + fieldSize) }
  return { ephemeral, secret }
}

/** A scalar from 1 to the order less one, each as likely as any other: draw again, never reduce. */
function makeScalar(curve: EcCurve, random: Random): Uint8Array {
  const { fieldSize, topBits, order } = CURVES[curve]
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const scalar = random(fieldSize)
    scalar[0] = scalar[0]! & topBits
    if (scalar.some((byte) => byte !== 0) && compareBytes(scalar, order) < 0) return scalar
    scalar.fill(0)
  }
  throw new RangeError(
    `${MAX_TRIES} times in a row no scalar of ${curve}: the bytes are not random`,
  )
}

function uncompressed({ x, y }: EcPoint): Buffer {
  return Buffer.concat([Uint8Array.of(0x04), x, y])
}
