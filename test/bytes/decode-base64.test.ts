import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase64, toBase64 } from '../../src/bytes/base64.ts'
import { decodeBase64 } from '../../src/bytes/decode-base64.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'

const decode = (text: string) => decodeBase64(encodeUtf8(text))

test('gives the bytes back, whatever blanks are between', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 1, max: 80 }),
      (bytes, width) => {
        const lines = toBase64(bytes).match(new RegExp(`.{1,${width}}`, 'g')) ?? []
        expect(decode(lines.join(' \r\n\t'))).toEqual(bytes)
      },
    ),
  )
})

test('takes what the decoder of text takes, and nothing else', () => {
  const letter = fc.constantFrom(...'AQgwBCz/+=-_*é')
  fc.assert(
    fc.property(fc.array(letter, { maxLength: 12 }), (letters) => {
      const text = letters.join('')
      expect(decode(text)).toEqual(fromBase64(text))
    }),
    { numRuns: 5000 },
  )
})
