import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/bytes/hex.ts'
import { viewOf } from '../../../src/bytes/struct.ts'
import { ALGORITHM } from '../../../src/formats/erofs/layout.ts'
import {
  encodeIndex,
  measureIndex,
  type StoredChunk,
} from '../../../src/formats/erofs/write/compressed-index.ts'

const hex = (text: string) => text.replace(/\s/g, '')

/** Deflate in the worked example; the index does not care which algorithm it is. */
const workedExample: StoredChunk[] = [
  { size: 16384, blocks: 1, compressed: true },
  { size: 9000, blocks: 1, compressed: true },
]

/** One 64 KiB chunk of 5 blocks, two plain blocks, 8192 + 777 bytes in one block. */
const mixed: StoredChunk[] = [
  { size: 65536, blocks: 5, compressed: true },
  { size: 8192, blocks: 2, compressed: false },
  { size: 8969, blocks: 1, compressed: true },
]

describe('encodeIndex', () => {
  test('matches the worked example, whose entries all fit wide packs', () => {
    const index = encodeIndex(workedExample, 1, ALGORITHM.DEFLATE, 32)
    expect(toHex(index)).toBe(
      hex(`0000000007000200 00100128 01000000 02200120 00000000
           00100128 02000000 28030000 00000000`),
    )
  })

  test('packs sixteen entries into two bytes each when they start at a slot', () => {
    const index = encodeIndex(mixed, 100, ALGORITHM.ZSTD, 24)
    expect(toHex(index)).toBe(
      hex(`0000000007000300
           0050012a 000e8004 60016800 1e800860 02a8002e 800c6003 e8000680 64000000
           00000000 69000000 00100128 6b000000 09030000 00000000`),
    )
  })

  test('has no narrow pack when wide ones must lead up to the slot', () => {
    const index = encodeIndex(mixed, 100, ALGORITHM.ZSTD, 32)
    expect(toHex(index)).toBe(
      hex(`0000000007000300 00100528 64000000 02200d20 00000000 04200b20 00000000
           06200920 00000000 08200720 00000000 0a200520 00000000 0c200320 00000000
           0e200120 00000000 00000000 69000000 00100128 6b000000 09030000 00000000`),
    )
  })

  test.each([0, 4, 12, 20, 28, 32, 44])('has the measured size behind %i bytes', (start) => {
    const size = mixed.reduce((sum, chunk) => sum + chunk.size, 0)
    expect(encodeIndex(mixed, 1, 0, start)).toHaveLength(measureIndex(size, start))
  })

  test('keeps distances that twelve bits cannot hold at the largest they can', () => {
    const long: StoredChunk[] = [{ size: 4096 * 3000, blocks: 10, compressed: true }]
    const index = encodeIndex(long, 1, ALGORITHM.LZ4, 32)
    const entry = viewOf(index)
    expect(entry.getUint16(8 + 2, true)).toBe((2 << 12) | 0x800 | 10)
  })
})
