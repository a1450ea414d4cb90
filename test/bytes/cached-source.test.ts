import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cachedSource } from '../../src/bytes/cached-source.ts'
import { bytesSource, type Source } from '../../src/bytes/source.ts'

const PAGE = 64 * 1024
const BYTES = Uint8Array.from({ length: 5 * PAGE + 123 }, (_, index) => (index * 7919) >> 3)

function counted(): { source: Source; reads: number[] } {
  const reads: number[] = []
  const { size, read } = bytesSource(BYTES)
  return {
    reads,
    source: {
      size,
      read: (offset, length) => {
        reads.push(offset)
        return read(offset, length)
      },
    },
  }
}

test('gives the bytes of the source', async () => {
  const cached = cachedSource(counted().source, 2)
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: BYTES.length }),
      fc.integer({ min: 0, max: 2 * PAGE }),
      async (offset, length) => {
        const size = Math.min(length, BYTES.length - offset)
        const bytes = await cached.read(offset, size)
        expect(Buffer.compare(bytes, BYTES.subarray(offset, offset + size))).toBe(0)
      },
    ),
  )
})

test('reads a page once while it is in use', async () => {
  const { source, reads } = counted()
  const cached = cachedSource(source, 2)
  for (const offset of [0, 100, PAGE - 4, PAGE + 8, 12]) await cached.read(offset, 8)
  expect(reads).toEqual([0, PAGE])
})

test('forgets the page that was not used for longest', async () => {
  const { source, reads } = counted()
  const cached = cachedSource(source, 2)
  for (const page of [0, 1, 0, 2, 0, 1]) await cached.read(page * PAGE, 8)
  expect(reads).toEqual([0, PAGE, 2 * PAGE, PAGE])
})

test('tries again what could not be read', async () => {
  let failures = 1
  const source: Source = {
    size: 10,
    read: async (offset, length) => {
      if (failures-- > 0) throw new Error('try later')
      return BYTES.subarray(offset, offset + length)
    },
  }
  const cached = cachedSource(source)
  await expect(cached.read(0, 4)).rejects.toThrow('try later')
  expect(await cached.read(0, 4)).toEqual(BYTES.subarray(0, 4))
})
