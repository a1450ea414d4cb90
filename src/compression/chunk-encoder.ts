/** One way to call every encoder of file content. */

/**
 * Encodes one chunk. The result is valid until the next call in this thread; undefined where it
 * would have more than `limit` bytes.
 */
export type ChunkEncoder = (chunk: Uint8Array, limit: number) => Uint8Array | undefined

/**
 * An encoder for the calling thread; what it needs is loaded now and not before.
 *
 * @param level of zstd, 1 … 19; lz4 has none
 */
export async function createChunkEncoder(
  algorithm: 'lz4' | 'zstd',
  level: number,
): Promise<ChunkEncoder> {
  if (algorithm === 'lz4') return (await import('./lz4-encode.ts')).encodeLz4
  const { createZstdEncoder } = await import('./zstd-encode.ts')
  return createZstdEncoder(level)
}
