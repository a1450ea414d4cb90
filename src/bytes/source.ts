/** Random access to bytes that may be far larger than memory. */

import { FormatError } from '../errors.ts'

/** Something that can be read at any offset: a file, a part of one, or bytes in memory. */
export interface Source {
  /** Size in bytes. */
  readonly size: number
  /** Exactly `length` bytes from `offset`. The caller has checked the range; see {@link readRange}. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** `bytes` as a source. */
export function bytesSource(bytes: Uint8Array): Source {
  return {
    size: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  }
}

/** The part of `source` that starts at `offset` and is `size` bytes long, as a source. */
export function sliceSource(source: Source, offset: number, size: number): Source {
  if (offset < 0 || size < 0 || offset + size > source.size) {
    throw new RangeError(`slice ${offset}+${size} of a source of ${source.size} bytes`)
  }
  return { size, read: (at, length) => source.read(offset + at, length) }
}

/**
 * Reads a range found in untrusted input.
 *
 * @throws FormatError TRUNCATED where the range is not inside the source.
 */
export async function readRange(
  source: Source,
  offset: number,
  length: number,
  format: string,
  what: string,
): Promise<Uint8Array> {
  if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > source.size) {
    throw new FormatError(
      format,
      'TRUNCATED',
      `${what} needs ${length} bytes, the input ends at ${source.size}`,
      { offset },
    )
  }
  return source.read(offset, length)
}
