import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesSource } from '../../../src/bytes/source.ts'
import { encodeBlock0 } from '../../../src/formats/erofs/write/encode-superblock.ts'
import { probe } from '../../../src/formats/probe/index.ts'
import {
  CONTENT_LOOKALIKES,
  CONTENT_MAGICS,
  CONTENT_SAMPLES,
} from '../../support/content-samples.ts'

const KIB = 1024
const MIB = 1024 * KIB
const FIELDS = {
  blocks: 16,
  epoch: 0,
  rootNid: 40,
  metaBlock: 0,
  xattrBlock: 0,
  uuid: 'f0f0f0f0-0000-4000-8000-f0f0f0f0f0f0',
  compression: undefined,
}

/** A file system with so many inodes, and zeros up to `size`. */
function erofs(inodes: number, size = 64 * KIB): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.set(encodeBlock0({ ...FIELDS, inodes }))
  return bytes
}

describe('an EROFS of ours', () => {
  test.each([1, 4990, 4991, 5007, 9320, 32531, 36627, 65536 + 4991])(
    'is one: %i inodes',
    async (inodes) => {
      const { types, verdict, certain } = await probe(bytesSource(erofs(inodes, 2 * MIB)), true)
      expect(types.map(({ name }) => name)).toEqual(['erofs'])
      expect({ kind: verdict.kind, certain }).toEqual({ kind: 'type', certain: true })
    },
  )
})

describe.each(CONTENT_SAMPLES.filter(({ size = 0 }) => size <= 64 * KIB))('$name', ({ put }) => {
  const disguised = (size: number) => {
    const bytes = erofs(7, size)
    put(bytes)
    bytes.writeUInt32LE(0xe0f5e1e2, 1024)
    return probe(bytesSource(bytes), true)
  }

  test('counts before EROFS in the bytes of a floppy disk, and with it for nothing in more', async () => {
    const few = await disguised(64 * KIB)
    // Fields of a superblock that EROFS has in the same place do not survive its own.
    if (few.types.length < 2) return
    expect(few.verdict).toMatchObject({ kind: 'type', type: { name: few.types[0]!.name } })
    const many = await disguised(2 * MIB)
    const isDevice = ['raid', 'crypto'].includes(many.types[0]!.usage)
    expect(many.verdict.kind).toBe(isDevice ? 'type' : 'ambivalent')
  })
})

test.each(CONTENT_LOOKALIKES)('not $name', async ({ put }) => {
  const bytes = erofs(7, 2 * MIB)
  put(bytes)
  const { types, certain } = await probe(bytesSource(bytes), true)
  expect(types.map(({ name }) => name)).toEqual(['erofs'])
  expect(certain).toBe(true)
})

test.each(CONTENT_MAGICS)('$name is not certain by its magic', async ({ size = 64 * KIB, put }) => {
  const bytes = Buffer.alloc(size)
  put(bytes)
  const { types, certain } = await probe(bytesSource(bytes), true)
  expect(types.length).toBeGreaterThan(0)
  expect(certain).toBe(false)
})

test('any bytes give an answer', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 0, maxLength: 5000 }),
      fc.integer({ min: 0, max: 70_000 }),
      fc.constantFrom(...CONTENT_SAMPLES, ...CONTENT_MAGICS),
      async (noise, size, { put, size: least = 65536 }) => {
        const bytes = Buffer.alloc(Math.max(least > 65536 ? 0 : least, 12_000))
        if (least <= 65536) put(bytes)
        bytes.set(noise.subarray(0, bytes.length), Math.min(size, bytes.length - noise.length))
        const { verdict } = await probe(bytesSource(bytes.subarray(0, size)), size % 2 === 0)
        expect(['nothing', 'type', 'ambivalent']).toContain(verdict.kind)
      },
    ),
    { numRuns: 300 },
  )
})
