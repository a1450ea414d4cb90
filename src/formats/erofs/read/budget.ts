/**
 * What reading a file system may cost. Inodes, tables and attributes of a damaged or malicious image
 * can lie on top of each other, so that a few kilobytes describe more than a day's reading.
 */

import { FormatError } from '../../../errors.ts'
import { EROFS } from '../layout.ts'

/** So much of something, and no more. */
export interface Budget {
  /** @throws FormatError TOO_LARGE where less than `amount` is left. */
  spend(amount: number): void
}

/** A budget of `limit` `things`. */
export function budgetOf(things: string, limit: number): Budget {
  let left = limit
  return {
    spend(amount) {
      left -= amount
      if (left >= 0) return
      throw new FormatError(EROFS, 'TOO_LARGE', `more ${things} than an image of its size can have`)
    },
  }
}

/** The budgets of one open file system. */
export interface Budgets {
  /** Bytes of attribute areas. */
  readonly attributes: Budget
  /** Extents looked up. */
  readonly extents: Budget
  /** Bytes of values of attributes, which many inodes may share. */
  readonly values: Budget
  /** Entries of indexes of compressed files. */
  readonly entries: Budget
  /** Bytes decoded for directories, symlinks and tables. */
  readonly decoded: Budget
  /** Bytes of content of files. */
  readonly content: Budget
  /** Bytes decoded of which nothing was asked for. */
  readonly wasted: Budget
}

/** Room for images so small that a factor says little. */
const SLACK = 64 * 1024

/** The budgets for an image of `size` bytes. */
export function budgetsFor(size: number): Budgets {
  return {
    // The area of an inode belongs to it alone. It is read again for each further name, which takes
    // at least 13 bytes of a directory.
    attributes: budgetOf('extended attributes', 64 * size + SLACK),
    // An extent takes at least two bytes of a table that belongs to one inode, and few are looked up
    // twice. A file in the packed inode looks up one more.
    extents: budgetOf('extents', 4 * size + SLACK),
    // A value of an access list has some dozens of bytes, and an inode that shares it at least 44.
    values: budgetOf('values of extended attributes', 1024 * size + 1024 * SLACK),
    // An entry takes at least two bytes and is read a few times. To find a fragment, those of the
    // cluster that it is in are read once more: 3072 at most, and some dozens in practice.
    entries: budgetOf('entries of indexes', 64 * size + 64 * SLACK),
    // These are not compressed by any writer. Where they are fragments, clusters are decoded in the
    // order of the files, and the last ones are remembered.
    decoded: budgetOf('compressed metadata', 1024 * size + 1024 * SLACK),
    // A cluster of a block decodes to 3072 times its size at most. Holes are not content.
    content: budgetOf('content', 4096 * size + 16384 * SLACK),
    // A writer packs fragments in the order of the files, so that clusters are decoded once or twice,
    // unless many files are equal to others: then it is one cluster for one of them.
    wasted: budgetOf('fragments', 256 * size + 8192 * SLACK),
  }
}
