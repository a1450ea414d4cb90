/**
 * The name filter of an xattr area: 32 bits, in which a set bit tells the kernel that no name with
 * this hash is there. A filter that is wrong hides attributes.
 *
 * See "Xattr filter" in https://erofs.docs.kernel.org/en/latest/core_ondisk.html
 */

import { encodeUtf8 } from '../../../bytes/utf8.ts'
import { xxh32 } from '../../../crypto/xxh32.ts'
import { XATTR_FILTER_BITS, XATTR_FILTER_SEED, XATTR_PREFIX } from '../layout.ts'

/** Number of the bit of a full attribute name, or undefined for a name EROFS cannot store. */
export function xattrFilterBit(name: string): number | undefined {
  for (const [index, prefix] of Object.entries(XATTR_PREFIX)) {
    const matches = prefix.endsWith('.') ? name.startsWith(prefix) : name === prefix
    if (!matches) continue
    const suffix = encodeUtf8(name.slice(prefix.length))
    return xxh32(suffix, XATTR_FILTER_SEED + Number(index)) % XATTR_FILTER_BITS
  }
  return undefined
}

/** The first of `names` that `filter` hides. */
export function findHiddenXattr(filter: number, names: Iterable<string>): string | undefined {
  for (const name of names) {
    const bit = xattrFilterBit(name)
    if (bit !== undefined && (filter >>> bit) & 1) return name
  }
  return undefined
}
