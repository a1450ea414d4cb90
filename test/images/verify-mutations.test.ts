/** Images with something changed in every structure: each change is found, and nothing crashes. */

import { copyFileSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { FormatError } from '../../src/errors.ts'
import { inspectImage } from '../../src/images/inspect.ts'
import type { PartitionResult } from '../../src/images/options.ts'
import { type Verification, verifyImage } from '../../src/images/verify.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { noise, writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { buildImage, certificateOf, signingWith, withFlippedBit } from './fixtures.ts'

const folder = temporaryFolder()
const key = makeTestKey('p256')
const trusted = { certificates: [certificateOf(key)], threads: 0 }
let path: string
let size: number
let filesystemSize: number
let data: PartitionResult
let hash: PartitionResult
let signature: PartitionResult

beforeAll(async () => {
  const files = { 'usr/bin/hello': 'hello', 'usr/share/noise': noise(560_000) }
  const image = await buildImage(folder, 'hello.raw', files, { signing: signingWith(key) })
  path = image.output
  size = image.size
  filesystemSize = image.filesystemSize
  ;[data, hash, signature] = image.partitions as [PartitionResult, PartitionResult, PartitionResult]
})

/** The verdict about the image with one bit flipped; a FormatError counts as `wrong`. */
async function verdictOf(
  offset: number,
  bit: number,
  options: object,
): Promise<Verification['verdict']> {
  try {
    const { verdict } = await withFlippedBit(path, offset, bit, () => verifyImage(path, options))
    return verdict
  } catch (error) {
    if (error instanceof FormatError) return 'wrong'
    throw error
  }
}

/** Offsets from `start` to `end`, every one of them or every so many. */
function* offsets(start: number, end: number, step = 1): Generator<number> {
  for (let offset = start; offset < end; offset += step) yield offset
}

async function expectWrong(places: Iterable<number>, options: object = trusted): Promise<void> {
  for (const offset of places) {
    const bit = (offset * 5) % 8
    expect(await verdictOf(offset, bit, options), `byte ${offset} bit ${bit}`).toBe('wrong')
  }
}

test('the image is sound to begin with', async () => {
  expect((await verifyImage(path, trusted)).verdict).toBe('ok')
})

describe('a flipped bit is found', () => {
  test('in the protective MBR and the primary header', () => expectWrong(offsets(0, 1024, 9)))
  test('in the primary entries', () => expectWrong(offsets(1024, 1024 + 384, 5)))
  test('in the unused primary entries', () => expectWrong(offsets(1408, 17408, 401)))
  test('in front of the first partition', () => expectWrong(offsets(17408, data.offset, 301)))
  test('in the backup table', () => expectWrong(offsets(size - 16896, size, 397)))
  test('in the backup header', () => expectWrong(offsets(size - 512, size - 420, 3)))
  test('in the first block of the file system', () =>
    expectWrong(offsets(data.offset, data.offset + 4096, 61)))
  test('in the file system', () =>
    expectWrong(offsets(data.offset, data.offset + filesystemSize, 9973)))
  test('after the file system', () =>
    expectWrong(offsets(data.offset + filesystemSize, hash.offset, 9973)))
  test('in the hash tree', () =>
    expectWrong(offsets(hash.offset + 4096, hash.offset + 4 * 4096, 271)))
  test('after the hash tree', () =>
    expectWrong(offsets(hash.offset + 4 * 4096, signature.offset, 9973)))
  test('in the JSON of the signature, PKCS#7 message and all', () =>
    expectWrong(offsets(signature.offset, signature.offset + 1100, 3)))
  test('after the JSON', () =>
    expectWrong(offsets(signature.offset + 1300, signature.offset + 16384, 499)))

  test('in the superblock of the hash tree, but for its UUID, which nobody reads', async () => {
    await expectWrong(offsets(hash.offset, hash.offset + 16))
    await expectWrong(offsets(hash.offset + 32, hash.offset + 512, 3))
    await expectWrong(offsets(hash.offset + 512, hash.offset + 4096, 131))
    expect(await verdictOf(hash.offset + 20, 1, trusted)).toBe('ok')
  })
})

describe('without a certificate', () => {
  test('no flipped bit makes the image look better than it did', async () => {
    const places = [
      ...offsets(0, size, 14_999),
      ...offsets(signature.offset, signature.offset + 1100, 11),
    ]
    for (const offset of places) {
      const verdict = await verdictOf(offset, offset % 8, { threads: 0 })
      expect(['wrong', 'unproven'], `byte ${offset}`).toContain(verdict)
    }
  })

  test('a flipped bit in the signature is found by the certificate inside', async () => {
    await expectWrong(offsets(signature.offset, signature.offset + 1100, 7), { threads: 0 })
  })
})

test('an image that ends early is wrong wherever it ends', async () => {
  const cut = join(folder, 'cut.raw')
  const ends = [0, 1, 511, 8191, 8192, 17408, 20480, hash.offset, signature.offset, size - 1]
  for (const end of [...ends, ...offsets(9000, size, 41_011)]) {
    copyFileSync(path, cut)
    truncateSync(cut, end)
    const verdict = await verifyImage(cut, trusted).then(
      (result) => result.verdict,
      (error: unknown) => {
        expect(['FormatError', 'FileError']).toContain((error as Error).name)
        return 'wrong'
      },
    )
    expect(verdict, `${end} bytes`).toBe('wrong')
  }
})

test('any damage gives findings or a FormatError, to verify and to inspect', async () => {
  const original = new Uint8Array(readFileSync(path))
  const damaged = join(folder, 'damaged.raw')
  const places = [0, 512, 1024, data.offset, data.offset + 1024, hash.offset, signature.offset]
  const anyDamage = fc.array(
    fc.tuple(
      fc.constantFrom(...places, size - 512),
      fc.nat({ max: 700 }),
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
    ),
    { minLength: 1, maxLength: 8 },
  )
  await fc.assert(
    fc.asyncProperty(anyDamage, async (patches) => {
      const bytes = original.slice()
      for (const [place, offset, patch] of patches) {
        bytes.set(
          patch.subarray(0, Math.max(0, size - place - offset)),
          Math.min(place + offset, size),
        )
      }
      writeFile(damaged, bytes)
      for (const run of [() => verifyImage(damaged, trusted), () => inspectImage(damaged)]) {
        try {
          expect(JSON.parse(JSON.stringify(await run()))).toBeTypeOf('object')
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }
    }),
    { numRuns: 150 },
  )
})
