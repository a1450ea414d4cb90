/** Inodes: compact where everything fits 32 bytes, else extended. */

import { encode } from '../../../bytes/struct.ts'
import {
  COMPACT_MAX_ID,
  COMPACT_MAX_NLINK,
  COMPACT_MAX_SIZE,
  CompactInode,
  ExtendedInode,
  FORMAT_EXTENDED,
  FORMAT_LAYOUT_SHIFT,
  XATTR_UNIT,
  XattrIbodyHeader,
} from '../layout.ts'

/** An inode as it is stored, without what follows it. */
export interface InodeFields {
  /** Type and permissions, as in `st_mode`. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly nlink: number
  readonly size: number
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number }
  /** Serial number from 1; the kernel ignores it. */
  readonly ino: number
  /** A value of `LAYOUT`. */
  readonly layout: number
  /** Size in bytes of the attribute area. */
  readonly xattrSize: number
  /** First block, number of blocks or device number, as the layout says. */
  readonly u: number
}

/** What decides about the size of an inode. */
export type InodeShape = Pick<InodeFields, 'uid' | 'gid' | 'nlink' | 'size' | 'mtime'>

/** Size in bytes of the inode itself: 32 or 64. */
export function inodeSize(inode: InodeShape, epoch: number): number {
  return isCompact(inode, epoch) ? CompactInode.size : ExtendedInode.size
}

/** @param epoch the time in seconds that compact inodes have, from the superblock */
export function encodeInode(inode: InodeFields, epoch: number): Uint8Array {
  const { mode, uid, gid, nlink, size, mtime, ino, u } = inode
  const layout = inode.layout << FORMAT_LAYOUT_SHIFT
  const xattrIcount =
    inode.xattrSize === 0 ? 0 : (inode.xattrSize - XattrIbodyHeader.size) / XATTR_UNIT + 1
  if (isCompact(inode, epoch)) {
    const fields = { xattrIcount, mode, nlink, size, mtime: 0, u, ino, uid, gid, reserved: 0 }
    return encode(CompactInode, { format: layout, ...fields })
  }
  return encode(ExtendedInode, {
    format: layout | FORMAT_EXTENDED,
    xattrIcount,
    mode,
    startblkHi: 0,
    size: BigInt(size),
    u,
    ino,
    uid,
    gid,
    mtime: BigInt(mtime.seconds),
    mtimeNsec: mtime.nanoseconds,
    nlink,
    reserved: new Uint8Array(),
  })
}

function isCompact({ uid, gid, nlink, size, mtime }: InodeShape, epoch: number): boolean {
  return (
    size <= COMPACT_MAX_SIZE &&
    uid <= COMPACT_MAX_ID &&
    gid <= COMPACT_MAX_ID &&
    nlink <= COMPACT_MAX_NLINK &&
    mtime.seconds === epoch &&
    mtime.nanoseconds === 0
  )
}

/** Device number of a device inode. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
}
