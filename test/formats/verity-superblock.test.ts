import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { FormatError } from '../../src/errors.ts'
import {
  decodeVeritySuperblock,
  encodeVeritySuperblock,
} from '../../src/formats/verity/superblock.ts'

const SUPERBLOCK = {
  uuid: '3a460cbc-bf03-4660-bcd6-3cb9e9b0b168',
  salt: fromHex('3a46bed60ea28337998f5b5e48176a1fc73ed013804ee7c65db2c5ea63b46da9')!,
  dataBlocks: 10,
}

test('the superblock of a small image has its fields where the table puts them', () => {
  const bytes = encodeVeritySuperblock(SUPERBLOCK)
  expect(bytes).toHaveLength(512)
  expect(toHex(bytes.subarray(0, 88))).toBe(
    [
      '7665726974790000', // verity
      '0100000001000000',
      '3a460cbcbf034660bcd63cb9e9b0b168',
      `736861323536${'00'.repeat(26)}`, // sha256
      '0010000000100000',
      '0a00000000000000',
      '2000000000000000',
    ].join(''),
  )
  expect(toHex(bytes.subarray(88, 120))).toBe(toHex(SUPERBLOCK.salt))
  expect(bytes.subarray(120).every((byte) => byte === 0)).toBe(true)
})

test('decoding inverts encoding', () => {
  const blockSize = fc.integer({ min: 9, max: 19 }).map((power) => 2 ** power)
  const anySuperblock = fc.record({
    uuid: fc.uuid(),
    salt: fc.uint8Array({ maxLength: 256 }),
    dataBlocks: fc.integer({ min: 1, max: 2 ** 33 }),
    dataBlockSize: blockSize,
    hashBlockSize: blockSize,
  })
  fc.assert(
    fc.property(anySuperblock, (superblock) => {
      const bytes = encodeVeritySuperblock(superblock)
      expect(decodeVeritySuperblock(bytes)).toEqual({ ...superblock, algorithm: 'sha256' })
    }),
  )
})

test('any bytes give a value that encodes to them, or a FormatError', () => {
  const base = encodeVeritySuperblock(SUPERBLOCK)
  const patches = fc.array(fc.tuple(fc.nat({ max: 511 }), fc.nat({ max: 255 })), { maxLength: 3 })
  fc.assert(
    fc.property(patches, fc.integer({ min: 500, max: 520 }), (changes, size) => {
      const bytes = new Uint8Array(size)
      bytes.set(base.subarray(0, size))
      for (const [at, value] of changes) if (at < size) bytes[at] = value
      try {
        const superblock = decodeVeritySuperblock(bytes)
        expect(encodeVeritySuperblock(superblock)).toEqual(bytes.subarray(0, 512))
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 2000 },
  )
})

describe('refuses', () => {
  const le = (value: number, size = 4) => {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true)
    return bytes.subarray(0, size)
  }
  test.each([
    ['another signature', 0, [0x56], 'BAD_MAGIC', 0],
    ['version 2', 8, le(2), 'UNSUPPORTED', 8],
    ['hash type 0', 12, le(0), 'UNSUPPORTED', 12],
    ['SHA-512', 32, new TextEncoder().encode('sha512'), 'UNSUPPORTED', 32],
    ['a name with something behind its end', 50, [1], 'BAD_VALUE', 32],
    ['a data block of 256 bytes', 64, le(256), 'OUT_OF_RANGE', 64],
    ['a data block of a mebibyte', 64, le(1048576), 'OUT_OF_RANGE', 64],
    ['a hash block of 4095 bytes', 68, le(4095), 'OUT_OF_RANGE', 68],
    ['a hash block of 0 bytes', 68, le(0), 'OUT_OF_RANGE', 68],
    ['no data blocks', 72, le(0, 8), 'OUT_OF_RANGE', 72],
    ['more data than can be counted', 72, le(2 ** 50, 8), 'OUT_OF_RANGE', 72],
    ['a salt of 257 bytes', 80, le(257, 2), 'OUT_OF_RANGE', 80],
    ['a byte in the first padding', 87, [1], 'BAD_VALUE', 87],
    ['a byte after the salt', 120, [1], 'BAD_VALUE', 120],
    ['a byte in the last padding', 511, [1], 'BAD_VALUE', 511],
  ])('%s', (_, at, patch, code, offset) => {
    const bytes = encodeVeritySuperblock(SUPERBLOCK)
    bytes.set(patch, at)
    expect(() => decodeVeritySuperblock(bytes)).toThrow(
      expect.objectContaining({ format: 'verity', code, offset }),
    )
  })

  test('fewer than 512 bytes', () => {
    const bytes = encodeVeritySuperblock(SUPERBLOCK).subarray(0, 511)
    expect(() => decodeVeritySuperblock(bytes)).toThrow(
      expect.objectContaining({ code: 'TRUNCATED' }),
    )
  })

  test.each([
    ['a salt of 257 bytes', { salt: new Uint8Array(257) }],
    ['no data blocks', { dataBlocks: 0 }],
    ['half a data block', { dataBlocks: 0.5 }],
    ['a block of 1000 bytes', { dataBlockSize: 1000 }],
  ])('to write %s', (_, change) => {
    expect(() => encodeVeritySuperblock({ ...SUPERBLOCK, ...change })).toThrow(RangeError)
  })
})
