import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat } from '../../src/bytes/concat.ts'
import { toHex } from '../../src/bytes/hex.ts'
import { FormatError } from '../../src/errors.ts'
import {
  decodeSignatureLists,
  deriveOwner,
  encodeSignatureLists,
  makeSignatureLists,
} from '../../src/formats/efi-signature-list/index.ts'

const OWNER = '5c8f2fd4-5a9b-4c0e-9d0c-6e6f1f2b7a31'
const certificate = Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x07)
const digests = [new Uint8Array(32).fill(0xaa), new Uint8Array(32).fill(0xbb)]
const certificates = [certificate, concat(certificate, certificate)]
const bytes = encodeSignatureLists(makeSignatureLists({ certificates, digests, owner: OWNER }))

test('a list has its fields where the table puts them', () => {
  const owner = 'd42f8f5c9b5a0e4c9d0c6e6f1f2b7a31'
  expect(toHex(bytes.subarray(0, 49))).toBe(
    `a159c0a5e494a74a87b5ab155c2bf072${'31000000'}${'00000000'}${'15000000'}${owner}3003020107`,
  )
  const last = bytes.subarray(-(28 + 2 * 48))
  expect(toHex(last)).toBe(
    `2616c4c14c509240aca941f936934328${'7c000000'}${'00000000'}${'30000000'}` +
      `${owner}${'aa'.repeat(32)}${owner}${'bb'.repeat(32)}`,
  )
})

test('certificates have a list each, digests one for all', () => {
  const lists = decodeSignatureLists(bytes)
  expect(lists.map(({ type, entries }) => [type, entries.length])).toEqual([
    ['x509', 1],
    ['x509', 1],
    ['sha256', 2],
  ])
  expect(makeSignatureLists({})).toEqual([])
  expect(decodeSignatureLists(new Uint8Array(0))).toEqual([])
})

test('an owner nobody named depends on the entry alone, and is part of the format', () => {
  const [list] = makeSignatureLists({ certificates: [certificate] })
  expect(list?.entries[0]?.owner).toBe('eceda610-45db-845d-a09d-ebf0d245e44b')
  expect(deriveOwner(certificate)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab]/)
})

test('decoding inverts encoding, also of types nobody here knows', () => {
  const type = fc.oneof(fc.constant('x509'), fc.constant('sha256'), fc.uuid())
  const anyList = type.chain((name) => {
    const size = name === 'sha256' ? fc.constant(32) : fc.integer({ min: 1, max: 40 })
    return size.chain((length) =>
      fc.record({
        type: fc.constant(name),
        header: fc.uint8Array({ maxLength: 9 }),
        entries: fc.array(
          fc.record({
            owner: fc.uuid(),
            data: fc.uint8Array({ minLength: length, maxLength: length }),
          }),
          { minLength: 1, maxLength: 4 },
        ),
      }),
    )
  })
  fc.assert(
    fc.property(fc.array(anyList, { maxLength: 3 }), (lists) => {
      expect(decodeSignatureLists(encodeSignatureLists(lists))).toEqual(lists)
    }),
  )
})

test('any bytes give lists that encode to them, or a FormatError', () => {
  const patches = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 3 })
  fc.assert(
    fc.property(patches, fc.nat(bytes.length), (changes, size) => {
      const input = bytes.slice(0, size)
      for (const [at, value] of changes) if (at < size) input[at] = value
      try {
        expect(encodeSignatureLists(decodeSignatureLists(input))).toEqual(input)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 1000 },
  )
})

describe('refuses', () => {
  const changed = (offset: number, value: number) => {
    const input = bytes.slice()
    new DataView(input.buffer).setUint32(offset, value, true)
    return input
  }
  test.each([
    ['a cut header', bytes.subarray(0, 20), 'a header of 28 bytes, 20 are left at byte 0'],
    ['a cut list', bytes.subarray(0, 48), 'a list of 49 bytes, 48 are left at byte 0'],
    ['a cut second list', bytes.subarray(0, 80), 'at byte 49'],
    ['a list that is shorter than its header', changed(16, 27), 'at byte 20'],
    ['a list of no size', changed(16, 0), 'a header of 0 bytes in a list of 0 at byte 20'],
    ['an endless list', changed(16, 0xffffffff), 'a list of 4294967295 bytes'],
    ['a header that leaves no list', changed(20, 0xffffffff), 'a header of 4294967295 bytes'],
    ['a list without entries', changed(20, 21), 'entries of 21 bytes in 0 bytes at byte 24'],
    ['entries of no size', changed(24, 0), 'entries of 0 bytes, which leaves nothing'],
    ['entries that are all owner', changed(24, 16), 'entries of 16 bytes, which leaves nothing'],
    ['entries that do not fill the list', changed(24, 20), 'entries of 20 bytes in 21 bytes'],
    [
      'digests of another size',
      changed(bytes.length - 124 + 24, 96),
      'SHA-256 digests of 80 bytes',
    ],
    ['more than is read', new Uint8Array(1024 * 1024 + 1), 'at most 1048576 are read'],
  ])('%s', (_, input, message) => {
    expect(() => decodeSignatureLists(input)).toThrow(FormatError)
    expect(() => decodeSignatureLists(input)).toThrow(message)
  })

  test('to write what cannot be a list', () => {
    const entry = (size: number) => ({ owner: OWNER, data: new Uint8Array(size) })
    const list = (...entries: readonly ReturnType<typeof entry>[]) => [
      { type: 'x509', header: new Uint8Array(0), entries },
    ]
    expect(() => encodeSignatureLists(list())).toThrow(RangeError)
    expect(() => encodeSignatureLists(list(entry(1), entry(2)))).toThrow(RangeError)
    expect(() => makeSignatureLists({ digests: [new Uint8Array(31)] })).toThrow('of 31 bytes')
  })
})
