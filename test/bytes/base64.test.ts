import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase64, toBase64 } from '../../src/bytes/base64.ts'

const vectors = [
  ['', ''],
  ['f', 'Zg=='],
  ['fo', 'Zm8='],
  ['foo', 'Zm9v'],
  ['foobar', 'Zm9vYmFy'],
] as const

test.each(vectors)('agrees with RFC 4648 section 10 on %j', (plain, text) => {
  const bytes = new TextEncoder().encode(plain)
  expect(toBase64(bytes)).toBe(text)
  expect(fromBase64(text)).toEqual(bytes)
})

test('decoding inverts encoding', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
      expect(fromBase64(toBase64(bytes))).toEqual(bytes)
    }),
    { numRuns: 50 },
  )
})

test.each(['Zg', 'Zg=', 'Zh==', 'Zm9=', 'Zm9v\n', 'Zm 9v', 'Zm9v====', '=', 'Zm9_', 'Zg==Zg=='])(
  'refuses %j, which nobody writes',
  (text) => {
    expect(fromBase64(text)).toBeUndefined()
  },
)
