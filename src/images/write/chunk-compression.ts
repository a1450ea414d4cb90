/** How much is compressed at once, for each algorithm. Part of the format: it decides the bytes. */

import { ImageError } from '../../errors.ts'
import type { Compression } from '../options.ts'
import type { ChunkCompression } from '../pipeline/job.ts'

/** LZ4 cannot look back further than 64 KiB; zstd gains until reads of one page cost too much. */
const CHUNK_SIZE = { lz4: 64 * 1024, zstd: 128 * 1024 } as const

const DEFAULT_LEVEL = 3
const MAX_LEVEL = 19

/** @throws ImageError BAD_OPTION for a level that does not exist. */
export function chunkCompression(
  compression: Compression | undefined,
): ChunkCompression | undefined {
  if (!compression || compression.algorithm === 'none') return undefined
  const { algorithm, level = DEFAULT_LEVEL } = compression
  const levels = algorithm === 'zstd' ? MAX_LEVEL : DEFAULT_LEVEL
  if (!Number.isInteger(level) || level < 1 || level > levels) {
    throw new ImageError('BAD_OPTION', `${algorithm} has no level ${level}`, {
      hint: algorithm === 'zstd' ? `levels are 1 to ${MAX_LEVEL}` : 'lz4 has no levels',
    })
  }
  return { algorithm, level, chunkSize: CHUNK_SIZE[algorithm] }
}
