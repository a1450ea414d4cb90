/** A run of file content and where it is stored: what every data layout comes down to. */

import { alignUp } from '../../../bytes/align.ts'
import { FormatError } from '../../../errors.ts'
import { EROFS } from '../layout.ts'
import type { Inode } from './decode-inode.ts'

interface Range {
  /** Byte offset in the file. */
  readonly offset: number
  /** Bytes of content. */
  readonly size: number
}

/** Content that is not stored: zeros. */
export interface HoleExtent extends Range {
  readonly kind: 'hole'
}

/** Content as it is. */
export interface RawExtent extends Range {
  readonly kind: 'raw'
  /** Absolute byte offset. */
  readonly address: number
  /** Lies among the inodes. */
  readonly inline: boolean
}

/** A cluster that decodes to the content. */
export interface EncodedExtent extends Range {
  readonly kind: 'encoded'
  readonly address: number
  /** Bytes stored, with the zeros in front of them. */
  readonly encodedSize: number
  /** A value of `ALGORITHM`, or `interlaced`: as it is, but rotated. */
  readonly algorithm: number | 'interlaced'
  /** The content is only a prefix of what the cluster decodes to. */
  readonly partial: boolean
  readonly inline: boolean
}

/** Content that lies in the packed inode, together with pieces of other files. */
export interface FragmentExtent extends Range {
  readonly kind: 'fragment'
  /** Byte offset in the content of the packed inode. */
  readonly fragmentOffset: number
}

export type Extent = HoleExtent | RawExtent | EncodedExtent | FragmentExtent

/** Byte offset of what follows the inode and its xattrs, aligned. */
export function bodyStart(inode: Inode, alignment: number): number {
  return alignUp(inode.bodyOffset, alignment)
}

/** An error about the data of `inode`. */
export function badInode(
  inode: Inode,
  message: string,
  code: 'BAD_VALUE' | 'UNSUPPORTED' | 'TOO_LARGE' = 'BAD_VALUE',
): FormatError {
  return new FormatError(EROFS, code, `inode ${inode.nid}: ${message}`, { offset: inode.offset })
}

/** Both extents as one, where `b` merely continues `a`. */
export function joinExtents(a: Extent, b: Extent): Extent | undefined {
  const size = a.size + b.size
  if (a.kind === 'hole' && b.kind === 'hole') return { ...a, size }
  const isRun = a.kind === 'raw' && b.kind === 'raw' && a.inline === b.inline
  return isRun && a.address + a.size === b.address ? { ...a, size } : undefined
}
