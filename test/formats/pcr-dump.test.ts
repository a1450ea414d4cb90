import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { FormatError } from '../../src/errors.ts'
import { parsePcrDump } from '../../src/formats/pcr-dump.ts'

const A = 'ab'.repeat(32)
const B = 'cd'.repeat(32)
const C = 'ef'.repeat(20)
const parse = (text: string) => parsePcrDump(Buffer.from(text))

const PCRREAD = `  sha1:
    11: 0x${C.toUpperCase()}
  sm3_256:
    11: 0x${A}
  sha256:
    0 : 0x${A.toUpperCase()}
    11: 0x${B.toUpperCase()}
`
const TABLE = `NR NAME                SHA256                                                          
 0 platform-code       ${A}
 8                     ${A}
11 kernel-boot         ${B}
`
const JSON_TEXT = JSON.stringify([
  { nr: 0, name: 'platform-code', sha256: A },
  { nr: 8, name: null, sha256: null },
  { nr: 11, name: 'kernel-boot', sha256: B, sha1: C },
])

test.each([
  ['tpm2_pcrread', PCRREAD, `sha1 11=${C}, sha256 0=${A} 11=${B}`],
  ['systemd-analyze pcrs', TABLE, `sha256 0=${A} 8=${A} 11=${B}`],
  ['systemd-analyze pcrs --json', JSON_TEXT, `sha1 11=${C}, sha256 0=${A} 11=${B}`],
  ['systemd-measure status', `11:sha1=${C}\n11:sha256=${B}\n`, `sha1 11=${C}, sha256 11=${B}`],
])('the output of %s is read', (_, text, expected) => {
  const banks = [...parse(text)].sort(([a], [b]) => (a < b ? -1 : 1))
  const found = banks.map(([bank, values]) => {
    return [bank, ...[...values].map(([pcr, value]) => `${pcr}=${toHex(value)}`)].join(' ')
  })
  expect(found.join(', ')).toBe(expected)
})

describe('refuses', () => {
  test.each([
    ['nothing', '', 'no value of a PCR in it'],
    ['other text', 'hello\nworld\n', 'no value of a PCR in it'],
    ['an empty list', '[]', 'no value of a PCR in it'],
    ['a bank without values', 'sha256:\n', 'no value of a PCR in it'],
    ['values without a bank', `11: 0x${A}\n`, 'no value of a PCR in it'],
    ['JSON that is none', '[', 'text is not JSON'],
    ['a row without number', `[{"sha256":"${A}"}]`, 'row 0: nr is not the number of a PCR'],
    ['a row that is a number', '[1]', 'row 0: nr is not the number of a PCR'],
    ['a value that is a number', '[{"nr":1,"sha256":1}]', 'row 0: sha256 is not text'],
    ['a PCR that there is not', `sha256:\n24: 0x${A}\n`, 'line 2: PCR 24, there are 0 to 23'],
    ['a value of a wrong size', `sha256:\n11: 0x${C}\n`, 'line 2: PCR 11 of sha256 has 20 bytes'],
    ['a value that is no value', 'sha256:\n11: 0xzz\n', 'line 2: PCR 11 of sha256 is not hexadec'],
    ['a value twice', `11:sha256=${A}\n11:sha256=${A}`, 'line 2: PCR 11 of sha256 is there twice'],
    ['a bank nobody knows', `11:md5=${A}`, "line 1: 'md5' is no PCR bank"],
  ])('%s', (_, text, message) => {
    expect(() => parse(text)).toThrow(FormatError)
    expect(() => parse(text)).toThrow(message)
  })

  test('what is no text, and what is too much', () => {
    expect(() => parsePcrDump(Buffer.of(0xff))).toThrow('text is not UTF-8')
    expect(() => parsePcrDump(Buffer.alloc(1024 * 1024 + 1))).toThrow('at most 1048576 are read')
  })
})

test.each([
  ['tpm2_pcrread', PCRREAD],
  ['a table', TABLE],
  ['JSON', JSON_TEXT],
])('%s with any change gives values or a FormatError', (_, text) => {
  const change = fc.tuple(fc.nat(text.length - 1), fc.nat(127))
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = Buffer.from(text)
      for (const [at, value] of changes) bytes[at] = value
      try {
        parsePcrDump(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 1000 },
  )
})
