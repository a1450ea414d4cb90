/** zstd decoder: one frame of a known size and with a small window, as EROFS stores them. */

import { FormatError } from '../errors.ts'
import { nativeZstd, wasmZstd } from './zstd-engine.ts'
import { parseZstdFrame } from './zstd-frame.ts'

/** Linux refuses frames that need to look back further. */
const MAXIMUM_WINDOW = 1024 * 1024
/** Most bytes of a frame of which only a beginning is wanted: the limit of EROFS. */
const PREFIX_CEILING = 12 * 1024 * 1024

export interface ZstdDecodeOptions {
  /** The frame may hold more than `size` bytes; the rest is dropped. Default false. */
  readonly prefix?: boolean
  /** Tests ask for one; otherwise the native one where there is one. */
  readonly engine?: 'native' | 'wasm'
}

/**
 * Decodes one frame to exactly `size` bytes.
 *
 * @throws FormatError when `frame` is not one whole frame, needs a window of more than 1 MiB or a
 *   dictionary, or holds fewer or (unless only a prefix is wanted) more bytes.
 */
export async function decodeZstd(
  frame: Uint8Array,
  size: number,
  options: ZstdDecodeOptions = {},
): Promise<Uint8Array> {
  const { prefix = false, engine = nativeZstd() ? 'native' : 'wasm' } = options
  const { windowSize, contentSize } = parseZstdFrame(frame)
  if (windowSize > MAXIMUM_WINDOW) {
    throw new FormatError('zstd', 'TOO_LARGE', `window of ${windowSize} bytes, at most 1 MiB`)
  }
  const ceiling = prefix ? Math.max(size, PREFIX_CEILING) : size
  if (contentSize !== undefined) assertSize(contentSize, size, ceiling)
  const bytes =
    engine === 'native'
      ? decodeNative(frame, contentSize ?? size, ceiling)
      : await decodeWasm(frame, ceiling)
  assertSize(bytes.length, size, ceiling)
  return bytes.subarray(0, size)
}

function assertSize(found: number, size: number, ceiling: number): void {
  if (found >= size && found <= ceiling) return
  throw new FormatError('zstd', 'BAD_VALUE', `frame holds ${found} bytes, expected ${size}`)
}

function decodeNative(frame: Uint8Array, likely: number, ceiling: number): Uint8Array {
  const native = nativeZstd()
  if (!native) throw new RangeError('this version of node:zlib has no zstd')
  try {
    const bytes = native.zstdDecompressSync(frame, {
      chunkSize: Math.max(likely, 64),
      maxOutputLength: Math.max(ceiling, 1),
    })
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  } catch (cause) {
    throw corrupt(cause)
  }
}

async function decodeWasm(frame: Uint8Array, ceiling: number): Promise<Uint8Array> {
  const zstd = await wasmZstd()
  try {
    // Used where the header has no content size; the engine fails when it does not suffice.
    return zstd.decompress(frame, { defaultHeapSize: Math.max(ceiling, 1) })
  } catch (cause) {
    throw corrupt(cause)
  }
}

function corrupt(cause: unknown): FormatError {
  return new FormatError('zstd', 'BAD_VALUE', 'frame cannot be decoded', { cause })
}
