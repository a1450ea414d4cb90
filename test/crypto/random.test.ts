import { describe, expect, test } from 'vitest'
import { pooled } from '../../src/crypto/random.ts'

/** Counts up, so that every byte tells when it was drawn. */
function counter() {
  const drawn: Uint8Array[] = []
  let next = 0
  const random = (size: number) => {
    const bytes = Uint8Array.from({ length: size }, () => next++)
    drawn.push(bytes)
    return bytes
  }
  return { random, drawn }
}

describe('pooled random bytes', () => {
  test('are handed out once, each in an array of its own', () => {
    const { random } = counter()
    const draw = pooled(random)
    const [first, second] = [draw(3), draw(2)]
    expect([...first, ...second]).toEqual([0, 1, 2, 3, 4])
    first.fill(0xff)
    expect([...draw(1)]).toEqual([5])
  })

  test('are asked for rarely, and never cut short', () => {
    const { random, drawn } = counter()
    const draw = pooled(random)
    const sizes = Array.from({ length: 1000 }, () => draw(12).length)
    expect(new Set(sizes)).toEqual(new Set([12]))
    expect(drawn.length).toBe(3)
    expect(draw(5000)).toHaveLength(5000)
  })

  test('are not kept', () => {
    const { random, drawn } = counter()
    pooled(random)(100)
    expect(drawn[0]!.subarray(0, 100).every((byte) => byte === 0)).toBe(true)
  })
})
