import { createECDH } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { concat } from '../../src/bytes/concat.ts'
import { agreeOnSecret, isOnCurve } from '../../src/crypto/ecdh.ts'
import { randomBytes } from '../../src/crypto/random.ts'

const CURVES = [
  ['p256', 'prime256v1', 32],
  ['p384', 'secp384r1', 48],
  ['p521', 'secp521r1', 66],
] as const

describe.each(CURVES)('on %s', (curve, name, size) => {
  const own = createECDH(name)
  const bytes = new Uint8Array(own.generateKeys())
  const peer = { x: bytes.slice(1, 1 + size), y: bytes.slice(1 + size) }

  test('both sides agree, and secrets keep their leading zeros', () => {
    for (let round = 0; round < 20; round++) {
      const { ephemeral, secret } = agreeOnSecret(curve, peer, randomBytes)
      expect(secret).toHaveLength(size)
      const { x, y } = ephemeral
      expect(new Uint8Array(own.computeSecret(concat(Uint8Array.of(4), x, y)))).toEqual(secret)
      expect(isOnCurve(curve, ephemeral)).toBe(true)
    }
  })

  test('scalars that are none are drawn again', () => {
    let draws = 0
    const random = (length: number) =>
      draws++ < 2 ? new Uint8Array(length).fill(draws === 1 ? 0 : 0xff) : randomBytes(length)
    expect(agreeOnSecret(curve, peer, random).secret).toHaveLength(size)
    expect(draws).toBeGreaterThanOrEqual(3)
  })

  test('points that are none are told from others', () => {
    const { x, y } = peer
    const other = y.slice()
    other[size - 1] = other[size - 1]! ^ 1
    expect(isOnCurve(curve, peer)).toBe(true)
    expect(isOnCurve(curve, { x, y: other })).toBe(false)
    expect(isOnCurve(curve, { x: x.slice(1), y })).toBe(false)
    expect(isOnCurve(curve, { x: new Uint8Array(size), y: new Uint8Array(size) })).toBe(false)
    expect(isOnCurve(curve, { x: new Uint8Array(size).fill(0xff), y })).toBe(false)
  })
})
