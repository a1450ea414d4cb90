/** One way to call every encoder of file content. */

/**
 * Encodes one chunk. The result is valid until the next call; undefined where it would have more
 * than `limit` bytes.
 */
export type ChunkEncoder = (chunk: Uint8Array, limit: number) => Uint8Array | undefined

/** An encoder for the calling thread; what it needs is loaded now and not before. */
export async function createChunkEncoder(
  algorithm: 'lz4' | 'zstd',
  level: number,
): Promise<ChunkEncoder> {
  return algorithm === 'lz4' ? lz4() : zstd(level)
}

async function lz4(): Promise<ChunkEncoder> {
  const { createLz4Encoder } = await import('./lz4-encode.ts')
  const encoder = createLz4Encoder()
  let output = new Uint8Array(64 * 1024)
  return (chunk, limit) => {
    if (output.length < limit) output = new Uint8Array(limit)
    const size = encoder.encode(chunk, 0, chunk.length, output, 0, limit)
    return size > 0 ? output.subarray(0, size) : undefined
  }
}

async function zstd(level: number): Promise<ChunkEncoder> {
  const { createZstdEncoder } = await import('./zstd.ts')
  const encoder = await createZstdEncoder(level)
  return (chunk, limit) => {
    const frame = encoder.encode(chunk)
    return frame.length <= limit ? frame : undefined
  }
}
