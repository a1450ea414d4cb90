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

test('takes exactly the texts that it writes', () => {
  const character = fc.constantFrom('A', 'B', 'Q', 'w', '/', '+', '=', '-', 'é', 'Ā', '\u{1f600}')
  fc.assert(
    fc.property(fc.array(character, { maxLength: 9 }), (characters) => {
      const text = characters.join('')
      const bytes = fromBase64(text)
      const platform = new Uint8Array(Buffer.from(text, 'base64'))
      expect(bytes).toEqual(toBase64(platform) === text ? platform : undefined)
    }),
  )
})

test('text of any length is read, a wrong end too', () => {
  const text = 'QUFB'.repeat(4_000_000)
  expect(fromBase64(text)).toHaveLength(12_000_000)
  expect(fromBase64(`${text}QUF=QUFB`)).toBeUndefined()
})
