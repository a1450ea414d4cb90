import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/bytes/hex.ts'
import { FormatError } from '../../../src/errors.ts'
import { readDer, readDerPrefix } from '../../../src/formats/x509/der.ts'
import {
  readBitString,
  readBoolean,
  readInteger,
  readOid,
  readSmallInteger,
} from '../../../src/formats/x509/der-values.ts'
import { readTime } from '../../../src/formats/x509/time.ts'

const der = (hex: string) => readDer('test', fromHex(hex.replaceAll(' ', ''))!)

describe('elements', () => {
  test('a sequence holds its elements in order', () => {
    const { children } = der('30 08 02 01 05 04 03 aa bb cc')
    expect(children.map(({ tag, content }) => [tag, toHex(content)])).toEqual([
      [0x02, '05'],
      [0x04, 'aabbcc'],
    ])
    expect(children.map(({ offset }) => offset)).toEqual([2, 5])
  })

  test('bytes after the end are counted or refused', () => {
    expect(readDerPrefix('test', fromHex('05000000')!).trailingBytes).toBe(2)
    expect(() => der('05 00 00 00')).toThrow('test: 2 bytes follow the end at byte 2')
  })

  const cases = [
    ['nothing', '', 'TRUNCATED', 'ends before its length'],
    ['a tag alone', '30', 'TRUNCATED', 'ends before its length'],
    ['content that is not there', '04 05 aa', 'TRUNCATED', 'of 5 bytes, 1 are left'],
    ['a child longer than its parent', '30 03 04 05 aa', 'TRUNCATED', 'of 5 bytes, 1 are left'],
    ['indefinite length', '30 80 05 00 00 00', 'BAD_VALUE', 'indefinite length'],
    [
      'a long length that fits the short form',
      '04 81 01 aa',
      'BAD_VALUE',
      'more bytes than needed',
    ],
    ['a length with a leading zero', `04 82 00 80 ${'00'.repeat(128)}`, 'BAD_VALUE', 'needed'],
    ['a length of five bytes', '04 85 01 00 00 00 00', 'TOO_LARGE', 'length of 5 bytes'],
    ['a length that is cut off', '04 82 01', 'TRUNCATED', 'ends inside its length'],
    ['a length near 4 GiB', '30 84 ff ff ff ff', 'TRUNCATED', 'of 4294967295 bytes'],
    ['a tag of several bytes', '1f 81 01 00', 'UNSUPPORTED', 'tag number above 30'],
    ['a constructed string', '24 03 04 01 aa', 'BAD_VALUE', 'tag 0x24 is not DER'],
    ['a primitive sequence', '10 00', 'BAD_VALUE', 'tag 0x10 is not DER'],
    ['an end-of-contents octet', '30 02 00 00', 'BAD_VALUE', 'tag 0x00 is not DER'],
  ] as const
  test.each(cases)('refuses %s', (_, hex, code, message) => {
    expect(() => der(hex)).toThrow(message)
    expect(() => der(hex)).toThrow(expect.objectContaining({ code, format: 'test' }))
  })

  test('refuses nesting without an end, more elements than fit, and input that is too large', () => {
    let nested: Uint8Array = new Uint8Array()
    for (let depth = 0; depth < 5000; depth++) nested = sequence(nested)
    expect(() => readDer('test', nested)).toThrow('nested deeper than 32')
    const many = sequence(new Uint8Array(2 * 30_000).map((_, index) => (index % 2 ? 0 : 5)))
    expect(() => readDer('test', many)).toThrow('more than 20000 elements')
    const large = new Uint8Array(1024 * 1024 + 1)
    expect(() => readDer('test', large)).toThrow('1048577 bytes, at most 1048576 are read')
  })

  test('any bytes give an element or a FormatError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          const { element, trailingBytes } = readDerPrefix('test', bytes)
          expect(element.raw.length + trailingBytes).toBe(bytes.length)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 3000 },
    )
  })
})

describe('values', () => {
  const oids = [
    ['06 09 2a 86 48 86 f7 0d 01 07 02', '1.2.840.113549.1.7.2'],
    ['06 03 55 04 03', '2.5.4.3'],
    ['06 01 00', '0.0'],
    ['06 02 88 37', '2.999'],
    ['06 09 60 86 48 01 65 03 04 02 01', '2.16.840.1.101.3.4.2.1'],
  ] as const
  test.each(oids)('reads the object identifier %s as %s', (hex, text) => {
    expect(readOid(der(hex), 'it')).toBe(text)
  })

  const malformed = [
    ['an empty object identifier', '06 00', readOid],
    ['an object identifier that is cut off', '06 02 55 84', readOid],
    ['an arc with leading zeros', '06 03 55 80 01', readOid],
    ['an arc beyond counting', '06 0a 55 ff ff ff ff ff ff ff ff 7f', readOid],
    ['an object identifier of a hundred bytes', `06 64 ${'01'.repeat(100)}`, readOid],
    ['an empty integer', '02 00', readInteger],
    ['an integer with a zero in front', '02 02 00 7f', readInteger],
    ['a negative integer with ff in front', '02 02 ff 80', readInteger],
    ['an octet string as integer', '04 01 05', readInteger],
    ['a negative small integer', '02 01 ff', readSmallInteger],
    ['a small integer of five bytes', '02 05 01 00 00 00 00', readSmallInteger],
    ['a boolean of 1', '01 01 01', readBoolean],
    ['a boolean of two bytes', '01 02 ff ff', readBoolean],
    ['a bit string without its first byte', '03 00', readBitString],
    ['a bit string with eight unused bits', '03 02 08 00', readBitString],
    ['unused bits of nothing', '03 01 01', readBitString],
    ['unused bits that are set', '03 02 07 81', readBitString],
    ['a time without seconds', `17 0b ${ascii('2601010000Z')}`, readTime],
    ['a time with a zone', `17 11 ${ascii('260101000000+0100')}`, readTime],
    ['a time with a fraction', `18 12 ${ascii('20260101000000.50Z')}`, readTime],
    ['the 30th of February', `17 0d ${ascii('260230000000Z')}`, readTime],
    ['the 25th hour', `17 0d ${ascii('260101250000Z')}`, readTime],
    ['month 13', `17 0d ${ascii('261301000000Z')}`, readTime],
    ['second 60', `17 0d ${ascii('260101000060Z')}`, readTime],
    ['a string as time', `0c 0d ${ascii('260101000000Z')}`, readTime],
  ] as const
  test.each(malformed)('refuses %s', (_, hex, read) => {
    const element = der(hex)
    expect(() => read(element, 'the field')).toThrow(/^test: the field/)
  })

  const times = [
    [`17 0d ${ascii('491231235959Z')}`, '2049-12-31T23:59:59.000Z'],
    [`17 0d ${ascii('500101000000Z')}`, '1950-01-01T00:00:00.000Z'],
    [`18 0f ${ascii('20500101000000Z')}`, '2050-01-01T00:00:00.000Z'],
    [`18 0f ${ascii('99991231235959Z')}`, '9999-12-31T23:59:59.000Z'],
    [`18 0f ${ascii('00010101000000Z')}`, '0001-01-01T00:00:00.000Z'],
    [`17 0d ${ascii('240229000000Z')}`, '2024-02-29T00:00:00.000Z'],
  ] as const
  test.each(times)('reads the time %s as %s', (hex, text) => {
    expect(readTime(der(hex), 'it').toISOString()).toBe(text)
  })
})

function ascii(text: string): string {
  return toHex(new TextEncoder().encode(text))
}

/** A sequence around `content`, with the shortest length there is. */
function sequence(content: Uint8Array): Uint8Array {
  const length = content.length
  const size =
    length < 0x80
      ? [length]
      : length < 0x100
        ? [0x81, length]
        : length < 0x10000
          ? [0x82, length >> 8, length & 0xff]
          : [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]
  return Uint8Array.from([0x30, ...size, ...content])
}
