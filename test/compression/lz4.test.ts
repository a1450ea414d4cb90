import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeLz4 } from '../../src/compression/lz4-decode.ts'
import { encodeLz4, MAXIMUM_LZ4_INPUT } from '../../src/compression/lz4-encode.ts'
import { FormatError } from '../../src/errors.ts'
import { compressible, mixture, namedSamples, noise, prose } from './samples.ts'

/** A copy that survives the next call. */
function encode(bytes: Uint8Array, limit?: number): Uint8Array | undefined {
  return encodeLz4(bytes, limit)?.slice()
}

/** As toEqual, but not slow where there is much to compare. */
function expectSame(found: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(found, expected)).toBe(0)
}

interface Sequence {
  readonly literals: number
  readonly offset: number
  readonly match: number
}

/** An independent, slow reading of the block format. */
function readSequences(block: Uint8Array): { sequences: Sequence[]; lastLiterals: number } {
  const sequences: Sequence[] = []
  let at = 0
  const readLength = (nibble: number): number => {
    let length = nibble
    if (nibble === 15) {
      for (let byte = 255; byte === 255; at++) {
        byte = block[at]!
        length += byte
      }
    }
    return length
  }
  for (;;) {
    const token = block[at++]!
    const literals = readLength(token >> 4)
    at += literals
    if (at >= block.length) return { sequences, lastLiterals: literals }
    const offset = block[at]! | (block[at + 1]! << 8)
    at += 2
    sequences.push({ literals, offset, match: readLength(token & 15) + 4 })
  }
}

describe('encodeLz4', () => {
  test.each(namedSamples)('what it makes of %s decodes to the input', (_, bytes) => {
    expectSame(decodeLz4(encode(bytes)!, bytes.length), bytes)
  })

  test('decoding inverts encoding', () => {
    fc.assert(
      fc.property(compressible(20_000), (bytes) => {
        expectSame(decodeLz4(encode(bytes)!, bytes.length), bytes)
      }),
      { numRuns: 500 },
    )
  })

  test('the last five bytes are literals and no match starts in the last twelve', () => {
    fc.assert(
      fc.property(compressible(5000), (bytes) => {
        const { sequences, lastLiterals } = readSequences(encode(bytes)!)
        let at = 0
        for (const { literals, offset, match } of sequences) {
          at += literals
          expect(offset).toBeGreaterThan(0)
          expect(at).toBeLessThanOrEqual(bytes.length - 12)
          at += match
        }
        expect(at + lastLiterals).toBe(bytes.length)
        if (sequences.length > 0) expect(lastLiterals).toBeGreaterThanOrEqual(5)
      }),
    )
  })

  test('never looks back further than 65535 bytes', () => {
    for (const [, bytes] of namedSamples) {
      const offsets = readSequences(encode(bytes)!).sequences.map(({ offset }) => offset)
      expect(offsets.reduce((a, b) => Math.max(a, b), 0)).toBeLessThanOrEqual(65535)
    }
  })

  test('gives the same block whatever was encoded before', () => {
    const bytes = mixture(50_000, 3)
    const first = encode(bytes)!
    for (const [, other] of namedSamples) {
      encode(other)
      expectSame(encode(bytes)!, first)
    }
  })

  test('leaves the input alone', () => {
    const bytes = mixture(30_000, 4)
    const before = bytes.slice()
    encode(bytes)
    expectSame(bytes, before)
  })

  test('respects the limit exactly', () => {
    fc.assert(
      fc.property(compressible(3000), fc.nat(40), (bytes, margin) => {
        const size = encode(bytes)!.length
        expect(encode(bytes, size - 1)).toBeUndefined()
        // Sixteen bytes of slack are kept where a sequence could end at the limit.
        expect(encode(bytes, size + 16 + margin)?.length).toBe(size)
      }),
    )
  })

  test('gives up on noise', () => {
    expect(encode(noise(65536), 65536 - 4096)).toBeUndefined()
  })

  test('shrinks text to less than half', () => {
    expect(encode(prose(65536))!.length).toBeLessThan(32768)
  })

  test('finds text behind noise', () => {
    const bytes = Buffer.concat([noise(100_000), prose(60_000)])
    expect(encode(bytes)!.length).toBeLessThan(135_000)
  })

  test.each([0, MAXIMUM_LZ4_INPUT + 1])('refuses %i bytes', (size) => {
    expect(() => encodeLz4(new Uint8Array(size))).toThrow(RangeError)
  })

  test('makes the bytes it always made', () => {
    const line = new TextEncoder().encode(
      'extsign extsign extsign, and more of the same: extsign\n',
    )
    expect(Buffer.from(encode(line)!).toString('hex')).toBe(
      '8b6578747369676e200800f0112c20616e64206d6f7265206f66207468652073616d653a206578747369676e0a',
    )
  })
})

describe('decodeLz4', () => {
  const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

  test.each([
    ['literals alone', '50 68656c6c6f', 'hello'],
    ['an overlapping match', '11 61 0100 50 6262626262', 'aaaaaabbbbb'],
    ['a match of two bytes', '22 6162 0200 50 6363636363', 'abababab' + 'ccccc'],
    ['a long literal run', `f001 ${'78'.repeat(16)}`, 'x'.repeat(16)],
    ['a long match', `1f 7a 0100 06 50 ${'79'.repeat(5)}`, `${'z'.repeat(26)}yyyyy`],
  ])('reads %s', (_, block, text) => {
    const bytes = hex(block.replaceAll(' ', ''))
    expect(Buffer.from(decodeLz4(bytes, text.length)).toString()).toBe(text)
  })

  test.each([
    ['nothing at all', '', 5, 'BAD_VALUE'],
    ['literals that end early', '50 6865', 5, 'TRUNCATED'],
    ['a length that ends early', 'f0', 20, 'TRUNCATED'],
    ['a length that goes on for ever', `f0${'ff'.repeat(100)}`, 20, 'TRUNCATED'],
    ['an offset that ends early', '10 61 01', 9, 'TRUNCATED'],
    ['a match at the end', '10 61 0100', 5, 'TRUNCATED'],
    ['a match length that ends early', '1f 61 0100', 99, 'TRUNCATED'],
    ['offset zero', '10 61 0000 50 6262626262', 10, 'BAD_VALUE'],
    ['an offset before the start', '10 61 0200 50 6262626262', 10, 'BAD_VALUE'],
    ['fewer bytes than expected', '50 68656c6c6f', 6, 'BAD_VALUE'],
    ['more literals than expected', '50 68656c6c6f', 4, 'BAD_VALUE'],
    ['a longer match than expected', '1f 61 0100 05 50 6262626262', 10, 'BAD_VALUE'],
  ])('refuses %s', (_, block, size, code) => {
    const bytes = hex(block.replaceAll(' ', ''))
    expect(() => decodeLz4(bytes, size)).toThrow(expect.objectContaining({ code }))
  })

  test('any bytes give a value or a FormatError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(2000), fc.boolean(), expectSafe),
      { numRuns: 5000 },
    )
  })

  test('a damaged block gives a value or a FormatError', () => {
    const block = encode(mixture(4000, 5))!
    fc.assert(
      fc.property(fc.nat(block.length - 1), fc.nat(255), fc.boolean(), (at, byte, prefix) => {
        const damaged = block.slice()
        damaged[at] = byte
        expectSafe(damaged, 4000, prefix)
      }),
      { numRuns: 3000 },
    )
  })

  test('every shortened block is refused', () => {
    const bytes = mixture(4000, 5)
    const block = encode(bytes)!
    for (let size = 0; size < block.length; size++) {
      expect(() => decodeLz4(block.subarray(0, size), bytes.length)).toThrow(FormatError)
    }
  })

  test('decodes a prefix of any length', () => {
    const bytes = mixture(3000, 6)
    const block = encode(bytes)!
    for (let size = 0; size <= bytes.length; size++) {
      expectSame(decodeLz4(block, size, { prefix: true }), bytes.subarray(0, size))
    }
  })

  function expectSafe(block: Uint8Array, size: number, prefix: boolean): void {
    try {
      expect(decodeLz4(block, size, { prefix }).length).toBe(size)
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError)
    }
  }
})
