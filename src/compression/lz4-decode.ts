/**
 * LZ4 block decoder: one raw block, no frame, no dictionary, of a known size.
 *
 * See https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */

import { FormatError } from '../errors.ts'

export interface Lz4DecodeOptions {
  /** The block may hold more than `size` bytes; decoding ends there. Default false. */
  readonly prefix?: boolean
}

/**
 * Decodes `block` to exactly `size` bytes.
 *
 * @throws FormatError when the block ends early, reaches back before its start, or holds fewer or
 *   (unless only a prefix is wanted) more bytes.
 */
export function decodeLz4(
  block: Uint8Array,
  size: number,
  options: Lz4DecodeOptions = {},
): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(size)
  const prefix = options.prefix === true
  const end = block.length
  let at = 0
  let written = 0
  while (at < end) {
    const token = block[at]!
    at++
    let literals = token >>> 4
    if (literals === 15) {
      let byte = 255
      while (byte === 255) {
        if (at >= end) throw truncated(at)
        byte = block[at]!
        at++
        literals += byte
      }
    }
    if (literals > end - at) throw truncated(end)
    if (literals > size - written) {
      if (!prefix) throw tooLong(size, at)
      literals = size - written
    }
    if (literals > 32) {
      output.set(block.subarray(at, at + literals), written)
      at += literals
      written += literals
    } else {
      for (const stop = written + literals; written < stop; written++) {
        output[written] = block[at]!
        at++
      }
    }
    if (prefix && written === size) return output
    if (at === end) break

    if (end - at < 2) throw truncated(end)
    const offset = block[at]! | (block[at + 1]! << 8)
    if (offset === 0 || offset > written) {
      throw new FormatError(
        'lz4',
        'BAD_VALUE',
        `offset ${offset} with ${written} bytes before it`,
        {
          offset: at,
        },
      )
    }
    at += 2
    let length = token & 15
    if (length === 15) {
      let byte = 255
      while (byte === 255) {
        if (at >= end) throw truncated(at)
        byte = block[at]!
        at++
        length += byte
      }
    }
    length += 4
    if (length > size - written) {
      if (!prefix) throw tooLong(size, at)
      length = size - written
    }
    const from = written - offset
    if (length > 32 && offset >= length) {
      output.copyWithin(written, from, from + length)
      written += length
    } else if (length > 64 && offset === 1) {
      output.fill(output[from]!, written, written + length)
      written += length
    } else {
      const stop = written + length
      for (let source = from; written < stop; source++) {
        output[written] = output[source]!
        written++
      }
    }
    if (prefix && written === size) return output
    // A block ends with literals, if only with none.
    if (at === end) throw truncated(end)
  }
  if (written !== size) {
    throw new FormatError('lz4', 'BAD_VALUE', `block holds ${written} bytes, expected ${size}`)
  }
  return output
}

function truncated(offset: number): FormatError {
  return new FormatError('lz4', 'TRUNCATED', 'block ends inside a sequence', { offset })
}

function tooLong(size: number, offset: number): FormatError {
  return new FormatError('lz4', 'BAD_VALUE', `block holds more than ${size} bytes`, { offset })
}
