/** The codecs by their numbers in map headers. */

import { inflateRaw } from '../../../compression/inflate.ts'
import { decodeLz4 } from '../../../compression/lz4-decode.ts'
import { decodeZstd } from '../../../compression/zstd-decode.ts'
import { FormatError } from '../../../errors.ts'
import { ALGORITHM, EROFS } from '../layout.ts'

/**
 * Exactly `size` bytes of content from a whole stream.
 *
 * @param prefix the stream may hold more than `size` bytes; the rest is dropped
 * @throws FormatError where the stream is not sound or has another size; UNSUPPORTED for LZMA.
 */
export async function decompress(
  algorithm: number,
  stream: Uint8Array,
  size: number,
  prefix: boolean,
): Promise<Uint8Array> {
  switch (algorithm) {
    case ALGORITHM.LZ4:
      return decodeLz4(stream, size, { prefix })
    case ALGORITHM.DEFLATE:
      return inflateRaw(stream, size, { prefix })
    case ALGORITHM.ZSTD:
      return decodeZstd(stream, size, { prefix })
    case ALGORITHM.LZMA:
      throw new FormatError(EROFS, 'UNSUPPORTED', 'content compressed with LZMA', {
        hint: 'fsck.erofs --extract of erofs-utils reads it',
      })
    default:
      throw new FormatError(EROFS, 'UNSUPPORTED', `content compressed with algorithm ${algorithm}`)
  }
}
