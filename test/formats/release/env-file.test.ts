import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { FormatError } from '../../../src/errors.ts'
import {
  formatAssignment,
  formatEnvFile,
  isFieldName,
  parseAssignments,
  parseEnvFile,
} from '../../../src/formats/release/env-file.ts'
import { ENV_FILE_CASES } from '../../support/env-file-cases.ts'

const read = (text: string | Uint8Array) => [
  ...parseEnvFile(typeof text === 'string' ? encodeUtf8(text) : text, 'os-release'),
]

describe('reading', () => {
  test.each(ENV_FILE_CASES)('finds %s', (_, text, fields) => {
    expect(read(text)).toEqual(fields)
  })

  const invalid: readonly (readonly [name: string, bytes: Uint8Array, message: string])[] = [
    ['a NUL byte', encodeUtf8('A=1\n\0'), 'os-release: NUL byte in a text file at byte 4'],
    ['a NUL byte in a comment', encodeUtf8('#\0\nA=1'), 'NUL byte in a text file at byte 1'],
    ['a value that is not UTF-8', bytes('A=', 0xff), 'value is not valid UTF-8 at byte 2'],
    ['a key that is not UTF-8', bytes('B=1\nA', 0xff, '=1'), 'key is not valid UTF-8 at byte 4'],
    ['a character that ends early', bytes('A=', 0xe3, 0x81), 'value is not valid UTF-8'],
    ['an overlong character', bytes('A=', 0xc0, 0xaf), 'value is not valid UTF-8'],
    ['half a surrogate pair', bytes('A=', 0xed, 0xa0, 0x80), 'value is not valid UTF-8'],
    ['a character beyond Unicode', bytes('A=', 0xf4, 0x90, 0x80, 0x80), 'value is not valid UTF-8'],
    ['the noncharacter U+FFFE', encodeUtf8('A=\ufffe'), 'value is not valid UTF-8'],
    ['the noncharacter U+FDD0', encodeUtf8('A=\ufdd0'), 'value is not valid UTF-8'],
    ['the noncharacter U+1FFFF', encodeUtf8('A=\u{1ffff}'), 'value is not valid UTF-8'],
  ]
  test.each(invalid)('refuses %s', (_, input, message) => {
    expect(() => read(input)).toThrow(FormatError)
    expect(() => read(input)).toThrow(message)
  })

  test('does not mind other bytes in comments and dropped lines', () => {
    expect(read(bytes('#', 0xff, '\n', 0xff, '\nA=1'))).toEqual([['A', '1']])
  })

  test('says where an assignment stands', () => {
    const text = '# c\n A = "1" \nB=2\\\n3 \n'
    const found = parseAssignments(encodeUtf8(text), 'x')
    expect(found.map(({ start, end }) => text.slice(start, end))).toEqual(['A = "1" ', 'B=2\\\n3 '])
  })

  test('gives fields or a FormatError for any bytes', () => {
    const piece = fc.constantFrom(
      'A',
      '=',
      '"',
      "'",
      '\\',
      '\n',
      '\r',
      ' ',
      '#',
      '\0',
      'é',
      '`',
      '$',
    )
    const anyText = fc.array(piece, { maxLength: 40 }).map((pieces) => encodeUtf8(pieces.join('')))
    fc.assert(
      fc.property(fc.oneof(anyText, fc.uint8Array({ maxLength: 60 })), (input) => {
        try {
          for (const { start, end } of parseAssignments(input, 'x')) {
            expect(start).toBeLessThan(end)
            expect(end).toBeLessThanOrEqual(input.length)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 3000 },
    )
  })

  test('takes time in proportion to the size of a hostile file', () => {
    for (const unit of ['A="\\', 'A=\\\n', '"', "''", 'A=1\n', '\\', ' ', '=']) {
      const input = encodeUtf8(unit.repeat(1 << 18))
      expect(parseAssignments(input, 'x').length).toBeLessThan(input.length)
    }
  })
})

describe('writing', () => {
  test.each([
    ['a plain value bare', '1.2-3_x', 'A=1.2-3_x'],
    ['nothing as empty quotes', '', 'A=""'],
    ['a blank in quotes', 'a b', 'A="a b"'],
    ['what a shell would take for its own', 'a"b\\c`d$e', 'A="a\\"b\\\\c\\`d\\$e"'],
    ['single quotes', "it's", 'A="it\'s"'],
    ['letters beyond ASCII in quotes', 'ä', 'A="ä"'],
    ['a comment sign in quotes', '#', 'A="#"'],
    ['a line end in quotes', '1\n2', 'A="1\n2"'],
  ])('writes %s', (_, value, text) => {
    expect(formatAssignment('A', value)).toBe(text)
  })

  test('ends every line', () => {
    expect(
      formatEnvFile([
        ['A', '1'],
        ['B', 'x y'],
      ]),
    ).toBe('A=1\nB="x y"\n')
    expect(formatEnvFile([])).toBe('')
  })

  test.each(['', '1A', 'A B', 'A-B', 'A=', '#A', 'Ä', 'A\n'])('refuses the key %j', (key) => {
    expect(isFieldName(key)).toBe(false)
    expect(() => formatAssignment(key, '1')).toThrow(TypeError)
  })

  test.each(['a\0b', '\ud800', '\ufffe'])('refuses the value %j', (value) => {
    expect(() => formatAssignment('A', value)).toThrow(TypeError)
  })

  test('reading inverts writing', () => {
    const key = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/)
    const character = fc.oneof(
      fc.constantFrom(...' \t\n\r"\'\\`$#;=a'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    )
    const value = fc
      .array(character, { maxLength: 12 })
      .map((characters) => characters.join(''))
      .filter((text) => !/\0|\p{Noncharacter_Code_Point}|\p{Surrogate}/u.test(text))
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name }),
        (fields) => {
          expect(read(formatEnvFile(fields))).toEqual(fields)
        },
      ),
      { numRuns: 1000 },
    )
  })
})

/** Text and single bytes, one after the other. */
function bytes(...parts: readonly (string | number)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'number' ? [part] : [...encodeUtf8(part)])),
  )
}
