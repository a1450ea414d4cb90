/** Equal files share blocks; one that changes after it was found equal stops the build. */

import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import { MAX_PIECE } from '../../src/images/pipeline/job.ts'
import { createPool } from '../../src/images/pipeline/pool.ts'
import { BufferStock } from '../../src/images/write/filesystem/batch.ts'
import type { Inode } from '../../src/images/write/filesystem/inventory.ts'
import { planFilesystem, writeFilesystem } from '../../src/images/write/filesystem/write.ts'
import type { BytesContent, DirectoryNode } from '../../src/tree/model.ts'
import { noise, prose } from '../support/sample-trees.ts'

const METADATA = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
  xattrs: new Map(),
}
const ALGORITHMS = ['none', 'lz4', 'zstd'] as const

/** A file that is `before` when it is compared, and `after` when it is read for the image. */
function contentOf(before: Uint8Array, after = before): BytesContent {
  let left = Math.ceil(before.length / MAX_PIECE)
  return {
    kind: 'bytes',
    size: before.length,
    get bytes() {
      return left-- > 0 ? before : after
    },
  }
}

async function write(contents: readonly BytesContent[], algorithm: (typeof ALGORITHMS)[number]) {
  const tree: DirectoryNode = {
    kind: 'directory',
    metadata: { ...METADATA, mode: 0o755 },
    entries: contents.map((content, index) => ({
      name: Buffer.from(`file-${index}`),
      node: { kind: 'file', metadata: METADATA, content },
    })),
  }
  const plan = planFilesystem(tree, 0)
  const pool = createPool(0)
  const blocks: Uint8Array[] = []
  let nextBlock = 1
  const sink = {
    get nextBlock() {
      return nextBlock
    },
    async append({ buffer, size }: { buffer: SharedArrayBuffer; size: number }) {
      blocks.push(new Uint8Array(buffer.slice(0, size)))
      nextBlock += size / 4096
    },
  }
  const compression =
    algorithm === 'none' ? undefined : ({ algorithm, level: 1, chunkSize: 65_536 } as const)
  const options = {
    salt: new Uint8Array(32),
    uuid: '00112233-4455-6677-8899-aabbccddeeff',
    epoch: 0,
    compression,
  }
  const block0 = await writeFilesystem(plan, options, pool, new BufferStock(), sink)
  const places = plan.inventory.inodes.slice(1).map(({ storage }: Inode) => storage)
  return { digest: toHex(sha256(block0, ...blocks)), places }
}

function changed(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at]! ^= 1
  return copy
}

const CHANGED = { name: 'TreeError', code: 'CHANGED' }

describe.each(ALGORITHMS)('with compression %s', (algorithm) => {
  // With a tail behind the inode, without one, and longer than a job.
  describe.each([10_000, 8192, 3_000_100])('of %i bytes', (size) => {
    const first = prose(size)

    test('equal files have one place', async () => {
      const { places } = await write([contentOf(first), contentOf(first)], algorithm)
      expect(places[1]).toEqual(places[0])
    })

    test.each([0, 5000, size - 1])('a first one that changes at %i stops the build', async (at) => {
      const contents = [contentOf(first, changed(first, at)), contentOf(first)]
      await expect(write(contents, algorithm)).rejects.toMatchObject(CHANGED)
    })

    test('files that become equal keep places of their own', async () => {
      const other = changed(first, 77)
      const { places } = await write([contentOf(other, first), contentOf(first)], algorithm)
      expect(places[1]).not.toEqual(places[0])
    })

    test('blocks of another one do not come into the image after they were compared', async () => {
      const honest = await write([contentOf(first), contentOf(first)], algorithm)
      const late = await write([contentOf(first), contentOf(first, changed(first, 0))], algorithm)
      expect(late.digest).toBe(honest.digest)
    })
  })

  test('the tail of another one is read again, and compared', async () => {
    const first = noise(10_000)
    const contents = [contentOf(first), contentOf(first, changed(first, 9999))]
    await expect(write(contents, algorithm)).rejects.toMatchObject(CHANGED)
  })
})
