/**
 * zstd encoder: one frame with its content size and without checksum, with the bytes of zstd 1.5.7
 * on every version of Node.
 */

import { COMPRESSION_LEVEL, nativeZstd, wasmZstd } from './zstd-engine.ts'

/** Part of the format: another version of zstd gives other bytes. */
const ZSTD_VERSION = '1.5.7'
const NO_DICTIONARY = new Uint8Array(0)

/**
 * Encodes one frame of at most `limit` bytes; undefined where it would be longer. Valid until the
 * next call in this thread.
 */
export type ZstdEncoder = (bytes: Uint8Array, limit?: number) => Uint8Array | undefined

/**
 * An encoder for the calling thread.
 *
 * @param level 1 … 19, as zstd counts them
 * @param engine tests ask for one; otherwise the native one where it has the right version
 */
export async function createZstdEncoder(
  level: number,
  engine: 'native' | 'wasm' = hasPinnedVersion() ? 'native' : 'wasm',
): Promise<ZstdEncoder> {
  const encode = engine === 'native' ? nativeEncoder(level) : await wasmEncoder(level)
  return (bytes, limit = Number.POSITIVE_INFINITY) => {
    const frame = encode(bytes)
    return frame.length <= limit ? frame : undefined
  }
}

function hasPinnedVersion(): boolean {
  // Widened: the types of Node 20 know no zstd.
  const versions: Readonly<Record<string, string | undefined>> = process.versions
  return versions.zstd === ZSTD_VERSION && nativeZstd() !== undefined
}

function nativeEncoder(level: number): (bytes: Uint8Array) => Uint8Array {
  const native = nativeZstd()
  if (!native) throw new RangeError('this version of node:zlib has no zstd')
  const params = { [COMPRESSION_LEVEL]: level }
  // Output of any size in one piece: the default of 16 KiB costs a tenth of the speed.
  return (bytes) => native.zstdCompressSync(bytes, { params, chunkSize: bytes.length + 4096 })
}

async function wasmEncoder(level: number): Promise<(bytes: Uint8Array) => Uint8Array> {
  const zstd = await wasmZstd()
  // Kept for all calls, which is a tenth faster. Lives as long as the thread.
  const context = zstd.createCCtx()
  return (bytes) => zstd.compressUsingDict(context, bytes, NO_DICTIONARY, level)
}
