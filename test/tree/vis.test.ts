import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { decodeVis, encodeVis } from '../../src/tree/vis.ts'

const VECTORS = [
  ['plain', [...Buffer.from('plain')]],
  ['a\\040b\\sc', [...Buffer.from('a b c')]],
  ['\\377\\000', [255, 0]],
  ['back\\\\slash', [...Buffer.from('back\\slash')]],
  ['ü\\134', [...Buffer.from('ü\\')]],
  ['', []],
] as const

test.each(VECTORS)('%s stands for its bytes', (text, bytes) => {
  expect([...decodeVis(text)]).toEqual(bytes)
})

test.each(['\\', '\\x41', '\\400', '\\08', 'tail\\1'])('refuses %s', (text) => {
  expect(() => decodeVis(text)).toThrow(SyntaxError)
})

test.each([
  ['plain text', 'plain text'],
  ['grün 日本語', 'grün 日本語'],
  ['back\\slash', 'back\\\\slash'],
  ['line\nbreak\t', 'line\\012break\\011'],
  ['\u001b[31mred\u007f', '\\033[31mred\\177'],
  ['right\u202eleft', 'right\\342\\200\\256left'],
])('%j is shown as %j', (text, shown) => {
  expect(encodeVis(Buffer.from(text))).toBe(shown)
})

test('what is shown can be read back, and has nothing in it that acts on a terminal', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.string().map(encodeUtf8)), (bytes) => {
      const shown = encodeVis(bytes)
      expect([...decodeVis(shown)]).toEqual([...bytes])
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    }),
  )
})
