import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BLOCK_SIZE, INODE_SLOT_SIZE } from '../../../src/formats/erofs/layout.ts'
import { placeInodes } from '../../../src/formats/erofs/write/place-inodes.ts'

describe('placeInodes', () => {
  test('starts with the first inode and goes on behind it', () => {
    const { offsets, size } = placeInodes(
      [
        { head: 32, tail: 0 },
        { head: 64, tail: 10 },
        { head: 32, tail: 0 },
      ],
      32,
    )
    expect(offsets).toEqual([32, 64, 160])
    expect(size).toBe(192)
  })

  test('gives the end of a block that a tail could not use to a later inode', () => {
    const { offsets } = placeInodes(
      [
        { head: 32, tail: 3000 },
        { head: 32, tail: 2000 },
        { head: 32, tail: 100 },
      ],
      32,
    )
    expect(offsets).toEqual([32, 4096, 3072])
  })

  test('refuses a tail that fits no block', () => {
    expect(() => placeInodes([{ head: 64, tail: 4064 }], 0)).toThrow(RangeError)
  })

  test('never overlaps, never lets a tail cross a block, and keeps to slots', () => {
    const anyInode = fc
      .record({ head: fc.integer({ min: 32, max: 6000 }), tail: fc.integer({ min: 0, max: 4095 }) })
      .filter(({ head, tail }) => tail === 0 || head + tail <= BLOCK_SIZE)
    fc.assert(
      fc.property(fc.array(anyInode, { maxLength: 200 }), (inodes) => {
        const { offsets, size } = placeInodes(inodes, 32)
        const placed = inodes
          .map((inode, index) => ({ ...inode, offset: offsets[index]! }))
          .sort((a, b) => a.offset - b.offset)
        let end = 32
        for (const { head, tail, offset } of placed) {
          expect(offset).toBeGreaterThanOrEqual(end)
          expect(offset % INODE_SLOT_SIZE).toBe(0)
          if (tail > 0) {
            expect(((offset + head) % BLOCK_SIZE) + tail).toBeLessThanOrEqual(BLOCK_SIZE)
          }
          end = offset + head + tail
        }
        expect(size).toBeGreaterThanOrEqual(end)
      }),
    )
  })
})
