import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inflateRaw } from '../../src/compression/inflate.ts'
import { FormatError } from '../../src/errors.ts'
import { compressible, mixture } from './samples.ts'

test('inflating inverts deflating', () => {
  fc.assert(
    fc.property(compressible(20_000), (bytes) => {
      expect(Buffer.compare(inflateRaw(deflateRawSync(bytes), bytes.length), bytes)).toBe(0)
    }),
  )
})

const bytes = mixture(3000, 1)
const stream = new Uint8Array(deflateRawSync(bytes))

test.each([
  ['more bytes than expected', stream, 2999, 'BAD_VALUE'],
  ['fewer bytes than expected', stream, 3001, 'BAD_VALUE'],
  ['a stream that ends early', stream.subarray(0, -1), 3000, 'TRUNCATED'],
  ['nothing', new Uint8Array(0), 1, 'TRUNCATED'],
  ['a reserved block', Uint8Array.of(7), 1, 'BAD_VALUE'],
  ['a stored block of the wrong length', Uint8Array.of(1, 1, 0, 0, 0, 9), 1, 'BAD_VALUE'],
])('refuses %s', (_, input, size, code) => {
  expect(() => inflateRaw(input, size)).toThrow(expect.objectContaining({ code }))
})

test('inflates a prefix', () => {
  expect(inflateRaw(stream, 1234, { prefix: true })).toEqual(bytes.subarray(0, 1234))
  expect(() => inflateRaw(stream, 3001, { prefix: true })).toThrow(FormatError)
})

test('any bytes give a value or a FormatError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(1000), (input, size) => {
      try {
        expect(inflateRaw(input, size).length).toBe(size)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 3000 },
  )
})
