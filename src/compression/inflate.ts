/** Raw deflate (RFC 1951, no zlib or gzip header) to a known size. */

import { inflateRawSync } from 'node:zlib'
import { FormatError } from '../errors.ts'

/** Most bytes a stream is inflated to when only its beginning is wanted: the limit of EROFS. */
const PREFIX_CEILING = 12 * 1024 * 1024

export interface InflateOptions {
  /** The stream may hold more than `size` bytes; the rest is dropped. Default false. */
  readonly prefix?: boolean
}

/**
 * Inflates `stream` to exactly `size` bytes. Bytes behind the end of the stream are ignored.
 *
 * @throws FormatError when it is not deflate, ends early, or holds fewer or (unless only a prefix
 *   is wanted) more bytes.
 */
export function inflateRaw(
  stream: Uint8Array,
  size: number,
  options: InflateOptions = {},
): Uint8Array {
  const ceiling = options.prefix ? Math.max(size, PREFIX_CEILING) : size
  const bytes = inflate(stream, Math.max(ceiling, 1))
  if (options.prefix ? bytes.length < size : bytes.length !== size) {
    throw new FormatError('deflate', 'BAD_VALUE', `holds ${bytes.length} bytes, expected ${size}`)
  }
  return bytes.subarray(0, size)
}

function inflate(stream: Uint8Array, maxOutputLength: number): Uint8Array {
  try {
    const bytes = inflateRawSync(stream, { maxOutputLength })
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  } catch (cause) {
    switch (cause instanceof Error && 'code' in cause && cause.code) {
      case 'ERR_BUFFER_TOO_LARGE':
        throw new FormatError('deflate', 'BAD_VALUE', `holds more than ${maxOutputLength} bytes`)
      case 'Z_BUF_ERROR':
        throw new FormatError('deflate', 'TRUNCATED', 'ends inside a block', { cause })
      case 'Z_DATA_ERROR':
        throw new FormatError('deflate', 'BAD_VALUE', `not deflate (${(cause as Error).message})`, {
          cause,
        })
      default:
        throw cause
    }
  }
}
