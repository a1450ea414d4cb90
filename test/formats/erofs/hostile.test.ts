import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesSource } from '../../../src/bytes/source.ts'
import { viewOf } from '../../../src/bytes/struct.ts'
import { FormatError } from '../../../src/errors.ts'
import { checkErofs, openErofs } from '../../../src/formats/erofs/index.ts'
import { Superblock } from '../../../src/formats/erofs/layout.ts'
import { superblockChecksum } from '../../../src/formats/erofs/read/decode-superblock.ts'
import { readVector, VECTORS } from './vectors.ts'

// Real images with a few bytes changed, and the checksum made to fit again: every one is read as
// far as it goes, and gives values or a FormatError.

const CASES_PER_IMAGE = 100

/** Content read of one file, and of all: a changed size can promise petabytes of zeros. */
const MAX_FILE = 2 ** 20
const MAX_TOTAL = 2 ** 22

interface Change {
  readonly offset: number
  readonly bytes: readonly number[]
}

/** Values that matter more often than others. */
const interesting = fc.oneof(
  fc.integer({ min: 0, max: 255 }).map((byte) => [byte]),
  fc.constantFrom([0xff, 0xff], [0xff, 0xff, 0xff, 0xff], [0, 0, 0, 0], [0, 8], [1, 0], [0, 0x80]),
  fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 8 }),
)

/** Bytes that are not zero say something: changing them is more telling than changing padding. */
function changes(image: Uint8Array): fc.Arbitrary<Change[]> {
  const used = Array.from(image.keys()).filter((offset) => offset >= 1024 && image[offset] !== 0)
  const anywhere = fc.nat(used.length - 1).map((index) => used[index]!)
  // mkfs.erofs puts most inodes and directories there.
  const metadata = fc.nat(2999).map((index) => used[index]!)
  const superblock = fc.integer({ min: 1024 + 12, max: 1024 + 160 })
  const offset = fc.oneof(
    { weight: 1, arbitrary: superblock },
    { weight: 4, arbitrary: metadata },
    { weight: 2, arbitrary: anywhere },
  )
  return fc.array(fc.record({ offset, bytes: interesting }), { minLength: 1, maxLength: 4 })
}

function change(image: Uint8Array, list: readonly Change[]): Uint8Array {
  const changed = image.slice()
  for (const { offset, bytes } of list) {
    changed.set(bytes.slice(0, Math.max(0, changed.length - offset)), offset)
  }
  const end = Math.max(2048, 2 ** Math.min(16, Math.max(9, changed[1036]!)))
  if (changed.length < end) return changed
  const covered = changed.subarray(1024, end)
  viewOf(covered).setUint32(Superblock.offsets.checksum, superblockChecksum(covered), true)
  return changed
}

/** Reads everything that can be reached, up to the limits. */
async function exhaust(image: Uint8Array): Promise<void> {
  const erofs = await openErofs(bytesSource(image))
  let total = 0
  for await (const { inode } of erofs.walk()) {
    await valueOrFormatError(erofs.xattrs(inode))
    if (inode.kind === 'symlink') await valueOrFormatError(erofs.readlink(inode))
    if (inode.kind !== 'file' || total > MAX_TOTAL) continue
    await valueOrFormatError(
      (async () => {
        let size = 0
        for await (const chunk of erofs.read(inode)) {
          size += chunk.length
          total += chunk.length
          if (size > MAX_FILE) break
        }
      })(),
    )
  }
}

async function valueOrFormatError(promise: Promise<unknown>): Promise<void> {
  try {
    await promise
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
  }
}

test.each(VECTORS)('any change of %s gives values or a FormatError', async (name) => {
  const image = readVector(name)
  await fc.assert(
    fc.asyncProperty(changes(image), async (list) => {
      await valueOrFormatError(exhaust(change(image, list)))
    }),
    { numRuns: CASES_PER_IMAGE },
  )
})

test.each(['plain', 'lz4', 'everything'])(
  'any beginning of %s gives values or a FormatError',
  async (name) => {
    const image = readVector(name)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: image.length - 1 }), async (size) => {
        await valueOrFormatError(exhaust(image.subarray(0, size)))
      }),
      { numRuns: CASES_PER_IMAGE },
    )
  },
)

test.each(['plain', 'lz4-big', 'everything', '48bit-zstd'])(
  'the check of a changed %s always ends',
  async (name) => {
    const image = readVector(name)
    await fc.assert(
      fc.asyncProperty(changes(image), async (list) => {
        const problems = await checkErofs(bytesSource(change(image, list)))
        expect(problems.length).toBeLessThanOrEqual(101)
      }),
      { numRuns: CASES_PER_IMAGE },
    )
  },
)
