import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createBlockHasher, createBlockReader } from '../../src/crypto/salted-blocks.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import { noise } from '../compression/samples.ts'

const BLOCK_SIZE = 4096

test('each digest is SHA-256 over salt and block', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 256 }),
      fc.nat(6),
      fc.nat(50),
      (salt, blocks, offset) => {
        const data = noise(blocks * BLOCK_SIZE, offset)
        const output = new Uint8Array(offset + blocks * 32 + 5).fill(0xee)
        createBlockHasher(salt)(data, output, offset)
        const expected = new Uint8Array(output.length).fill(0xee)
        for (let block = 0; block < blocks; block++) {
          const bytes = data.subarray(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE)
          expected.set(sha256(salt, bytes), offset + block * 32)
        }
        expect(output).toEqual(expected)
      },
    ),
  )
})

test('writes into the middle of a larger buffer', () => {
  const memory = new Uint8Array(3 * BLOCK_SIZE)
  const data = memory.subarray(BLOCK_SIZE, 2 * BLOCK_SIZE)
  const output = memory.subarray(64, 96)
  const expected = sha256(Uint8Array.of(1), data)
  createBlockHasher(Uint8Array.of(1))(data, output, 0)
  expect(memory.subarray(64, 96)).toEqual(expected)
})

test.each([
  ['data that is not whole blocks', 4097, 64, 0],
  ['an output that is too small', 8192, 63, 0],
  ['an offset that leaves too little', 4096, 64, 33],
])('refuses %s', (_, size, outputSize, offset) => {
  const hash = createBlockHasher(new Uint8Array(32))
  expect(() => hash(new Uint8Array(size), new Uint8Array(outputSize), offset)).toThrow(RangeError)
})

test('a reader gives the same digests as a hasher', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 256 }), fc.nat(6), fc.nat(50), (salt, count, offset) => {
      const data = noise(count * BLOCK_SIZE, offset)
      const reader = createBlockReader(salt, 6)
      for (let block = 0; block < count; block++) {
        reader.blocks[block]!.set(data.subarray(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE))
      }
      const found = new Uint8Array(offset + count * 32 + 5)
      const expected = found.slice()
      reader.hash(count, found, offset)
      createBlockHasher(salt)(data, expected, offset)
      expect(found).toEqual(expected)
    }),
  )
})

test('a reader refuses more blocks than it has, and an output that is too small', () => {
  const reader = createBlockReader(new Uint8Array(32), 2)
  expect(() => reader.hash(3, new Uint8Array(96), 0)).toThrow(RangeError)
  expect(() => reader.hash(2, new Uint8Array(63), 0)).toThrow(RangeError)
})
