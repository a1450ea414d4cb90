/**
 * Long name prefixes: a table of beginnings that names of attributes may refer to.
 *
 * See "Long extended attribute name prefixes" in
 * https://erofs.docs.kernel.org/en/latest/core_ondisk.html
 */

import { alignUp } from '../../../bytes/align.ts'
import { concat } from '../../../bytes/concat.ts'
import { readRange, type Source } from '../../../bytes/source.ts'
import { viewOf } from '../../../bytes/struct.ts'
import { encodeUtf8 } from '../../../bytes/utf8.ts'
import { FormatError } from '../../../errors.ts'
import { COMPAT, EROFS, MAX_XATTR_SUFFIX, XATTR_PREFIX, XATTR_UNIT } from '../layout.ts'
import type { Inode } from './decode-inode.ts'
import { readAt } from './read-data.ts'
import type { Volume } from './volume.ts'

export interface XattrPrefixes {
  /** The prefixes as UTF-8 bytes, by their number. */
  readonly names: readonly Uint8Array[]
  /** Absolute range of the table, unless it lies in the packed inode. */
  readonly start: number
  readonly end: number
}

/** @throws FormatError where the table is not sound. */
export async function readXattrPrefixes(volume: Volume): Promise<XattrPrefixes> {
  const { xattrPrefixCount, xattrPrefixStart, featureCompat } = volume.fields
  // Linux reads them whether they are announced or not.
  if (xattrPrefixCount === 0) return { names: [], start: 0, end: 0 }
  const isPlain = !volume.packed || (featureCompat & COMPAT.PLAIN_XATTR_PFX) !== 0
  const table = volume.packed && !isPlain ? contentSource(volume, volume.packed) : volume.metadata
  const names: Uint8Array[] = []
  const start = xattrPrefixStart * XATTR_UNIT
  let end = start
  for (let index = 0; index < xattrPrefixCount; index++) {
    const what = `xattr prefix ${index}`
    const offset = alignUp(end, XATTR_UNIT)
    const size = viewOf(await readRange(table, offset, 2, EROFS, what)).getUint16(0, true)
    const record = await readRange(table, offset + 2, size, EROFS, what)
    const base = XATTR_PREFIX[record[0] ?? 0]
    if (base === undefined || size > MAX_XATTR_SUFFIX + 1) {
      const message = `${what} has ${size} bytes and the base ${record[0]}`
      throw new FormatError(EROFS, 'BAD_VALUE', message, { offset })
    }
    names.push(concat(encodeUtf8(base), record.subarray(1)))
    end = offset + 2 + size
  }
  return isPlain ? { names, start, end } : { names, start: 0, end: 0 }
}

function contentSource(volume: Volume, inode: Inode): Source {
  return { size: inode.size, read: (offset, size) => readAt(volume, inode, offset, size) }
}
