import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { readSmallFile } from '../../src/files/text.ts'
import { temporaryFolder } from '../support/temporary.ts'

// As a terminal gives lines, and a slow program what it has.
vi.mock('../../src/files/stream.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/files/stream.ts')>()
  return {
    ...original,
    readStream: (handle: never, target: Uint8Array, path: string, isFirst: boolean) =>
      original.readStream(handle, target.subarray(0, 1), path, isFirst),
  }
})

test('a file that comes byte by byte takes no more memory than one that comes at once', async () => {
  const path = join(temporaryFolder(), 'slow')
  const text = 'abcdefg\n'.repeat(1000)
  writeFileSync(path, text)
  const before = process.memoryUsage().arrayBuffers
  const bytes = await readSmallFile(path)
  const grown = process.memoryUsage().arrayBuffers - before
  expect(Buffer.from(bytes).toString()).toBe(text)
  expect(grown).toBeLessThan(8 * 1024 * 1024)
})
