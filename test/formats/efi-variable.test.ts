import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { FormatError } from '../../src/errors.ts'
import {
  decodeVariablePayload,
  decodeVariableUpdate,
  encodeVariableUpdate,
  variablePayload,
} from '../../src/formats/efi-variable/index.ts'

const time = new Date('2026-11-28T10:20:30Z')
const data = encodeUtf8('data')
const message = encodeUtf8('message')
const bytes = encodeVariableUpdate({ time, data }, message)
const TIME = `ea07${'0b1c0a141e'}${'00'.repeat(9)}`

test('an update has its fields where the tables put them', () => {
  expect(toHex(bytes)).toBe(
    `${TIME}${'1f000000'}${'0002'}${'f10e'}9dd2af4adf68ee498aa9347d375665a7${toHex(message)}${toHex(data)}`,
  )
})

test.each([
  ['db', false, '6400 6200', 'cbb219d73a3d9645a3bcdad00e67656f', '27000000'],
  ['dbx', true, '6400 6200 7800', 'cbb219d73a3d9645a3bcdad00e67656f', '67000000'],
  ['PK', false, '5000 4b00', '61dfe48bca93d211aa0d00e098032b8c', '27000000'],
  ['KEK', true, '4b00 4500 4b00', '61dfe48bca93d211aa0d00e098032b8c', '67000000'],
] as const)('what is signed for %s, append %s', (variable, append, name, guid, attributes) => {
  expect(toHex(variablePayload({ variable, data, time, append }))).toBe(
    `${name.replaceAll(' ', '')}${guid}${attributes}${TIME}${toHex(data)}`,
  )
})

test('decoding inverts encoding', () => {
  const anyTime = fc
    .integer({ min: Date.UTC(1900) / 1000, max: Date.UTC(9999, 11, 31) / 1000 })
    .map((seconds) => new Date(seconds * 1000))
  const some = fc.uint8Array({ minLength: 1, maxLength: 64 })
  fc.assert(
    fc.property(anyTime, some, fc.uint8Array({ maxLength: 64 }), (when, signed, value) => {
      const update = { time: when, data: value }
      expect(decodeVariableUpdate(encodeVariableUpdate(update, signed))).toEqual({
        ...update,
        message: signed,
      })
    }),
  )
})

test('what was asked to be signed is read back, and nothing else', () => {
  const anyUpdate = fc.record({
    variable: fc.constantFrom('PK', 'KEK', 'db', 'dbx'),
    append: fc.boolean(),
    time: fc.nat(2 ** 31).map((seconds) => new Date(seconds * 1000)),
    data: fc.uint8Array({ maxLength: 64 }),
  })
  fc.assert(
    fc.property(anyUpdate, fc.nat(200), (update, cut) => {
      const payload = variablePayload(update)
      expect(decodeVariablePayload(payload)).toEqual(update)
      const head = payload.length - update.data.length
      if (cut < head)
        expect(() => decodeVariablePayload(payload.slice(0, cut))).toThrow(FormatError)
    }),
  )
  const wrong = variablePayload({ variable: 'db', data, time })
  for (const offset of [0, 4, 20]) {
    const other = wrong.slice()
    other[offset]! ^= 1
    expect(() => decodeVariablePayload(other)).toThrow('does not begin with a Secure Boot variable')
  }
  expect(() => decodeVariablePayload(new Uint8Array(2 * 1024 * 1024 + 1))).toThrow('at most')
})

test('any bytes give a value that encodes to them, or a FormatError', () => {
  const patches = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 3 })
  fc.assert(
    fc.property(patches, fc.nat(bytes.length), (changes, size) => {
      const input = bytes.slice(0, size)
      for (const [at, value] of changes) if (at < size) input[at] = value
      try {
        const update = decodeVariableUpdate(input)
        expect(encodeVariableUpdate(update, update.message)).toEqual(input)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 1000 },
  )
})

describe('refuses', () => {
  const changed = (offset: number, ...values: number[]) => {
    const input = bytes.slice()
    input.set(values, offset)
    return input
  }
  test.each([
    ['a cut header', bytes.subarray(0, 39), '39 bytes, a header has 40'],
    ['a cut signature', bytes.subarray(0, 46), 'a signature of 31 bytes, 30 are left at byte 16'],
    ['an empty signature', changed(16, 24), 'a signature of 24 bytes'],
    ['a signature of no size', changed(16, 0), 'a signature of 0 bytes'],
    ['another revision', changed(20, 1), 'revision 513 at byte 20'],
    ['another kind of certificate', changed(22, 2), 'a signature of type 3586'],
    ['another GUID', changed(24, 0), 'not PKCS#7'],
    ['nanoseconds', changed(8, 1), 'more than date and seconds, which firmware refuses at byte 7'],
    ['a time zone', changed(12, 60), 'more than date and seconds'],
    ['daylight saving', changed(14, 1), 'more than date and seconds'],
    ['padding', changed(15, 1), 'more than date and seconds'],
    ['month 0', changed(2, 0), 'a time that there is not'],
    ['month 13', changed(2, 13), 'a time that there is not'],
    ['31 November', changed(3, 31), 'a time that there is not'],
    ['24 hours', changed(4, 24), 'a time that there is not'],
    ['60 minutes', changed(5, 60), 'a time that there is not'],
    ['60 seconds', changed(6, 60), 'a time that there is not'],
    ['the year 1899', changed(0, 0x6b, 0x07), 'a time that there is not'],
    ['the year 10000', changed(0, 0x10, 0x27), 'a time that there is not'],
    ['more than is read', new Uint8Array(2 * 1024 * 1024 + 1), 'at most 2097152 are read'],
  ])('%s', (_, input, text) => {
    expect(() => decodeVariableUpdate(input)).toThrow(FormatError)
    expect(() => decodeVariableUpdate(input)).toThrow(text)
  })

  test.each(['1899-12-31T23:59:59Z', '+010000-01-01T00:00:00Z', '2026-01-01T00:00:00.5Z', 'x'])(
    'to write the time %s',
    (text) => {
      const update = { variable: 'db', data, time: new Date(text) } as const
      expect(() => variablePayload(update)).toThrow(RangeError)
    },
  )
})
