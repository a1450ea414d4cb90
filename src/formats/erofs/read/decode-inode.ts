/**
 * One inode, compact or extended, as a value.
 *
 * See "Inodes" in https://erofs.docs.kernel.org/en/latest/core_ondisk.html
 */

import { narrow } from '../../../bytes/narrow.ts'
import { readRange } from '../../../bytes/source.ts'
import { decode, viewOf } from '../../../bytes/struct.ts'
import { FormatError } from '../../../errors.ts'
import {
  CHUNK_FORMAT_48BIT,
  CHUNK_FORMAT_BLKBITS_MASK,
  CHUNK_FORMAT_INDEXES,
  CompactInode,
  EROFS,
  ExtendedInode,
  FORMAT_DOT_OMITTED,
  FORMAT_EXTENDED,
  FORMAT_LAYOUT_MASK,
  FORMAT_LAYOUT_SHIFT,
  FORMAT_NLINK_1,
  FORMAT_RESERVED,
  INCOMPAT,
  INODE_SLOT_SIZE,
  LAYOUT,
  NULL_ADDR_48,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  XATTR_UNIT,
  XattrIbodyHeader,
} from '../layout.ts'
import type { Volume } from './volume.ts'

export type InodeKind =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'fifo'
  | 'socket'

export interface Inode {
  readonly nid: number
  /** Absolute byte offset of the inode. */
  readonly offset: number
  /** Bytes of the inode itself, 32 or 64; its xattr area follows. */
  readonly inodeSize: number
  readonly xattrSize: number
  /** Absolute byte offset behind the xattr area. */
  readonly bodyOffset: number
  /** A value of `LAYOUT`. */
  readonly layout: number
  readonly kind: InodeKind
  /** Type and permissions, as in `st_mode`. */
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number }
  /** Bytes of content; 0 for devices, fifos and sockets. */
  readonly size: number
  /** The union `i_u`: chunk format, or low half of `startBlock`. */
  readonly u: number
  /** First block of a flat file, or undefined where it is one hole. */
  readonly startBlock: number | undefined
  /** Of device inodes. */
  readonly device: { readonly major: number; readonly minor: number } | undefined
  /** A directory that does not store its `.` entry. */
  readonly dotOmitted: boolean
}

const KINDS: Readonly<Record<number, InodeKind>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'directory',
  [S_IFLNK]: 'symlink',
  [S_IFCHR]: 'character-device',
  [S_IFBLK]: 'block-device',
  [S_IFIFO]: 'fifo',
  [S_IFSOCK]: 'socket',
}

/** @throws FormatError where there is no such inode or it is not one Linux would accept. */
export async function readInode(volume: Volume, nid: number): Promise<Inode> {
  const offset = volume.fields.metaBlkaddr * volume.blockSize + nid * INODE_SLOT_SIZE
  const what = `inode ${nid}`
  const head = await readRange(volume.metadata, offset, CompactInode.size, EROFS, what)
  const format = viewOf(head).getUint16(CompactInode.offsets.format, true)
  assertFormat(volume, nid, offset, format)
  const stored =
    format & FORMAT_EXTENDED
      ? decodeExtended(
          await readRange(volume.metadata, offset, ExtendedInode.size, EROFS, what),
          offset,
        )
      : decodeCompact(head, volume, format)
  const { mode, xattrIcount, u } = stored
  const kind = KINDS[mode & S_IFMT]
  if (!kind) {
    const message = `inode ${nid} has the unknown type ${(mode & S_IFMT).toString(8)}`
    throw new FormatError(EROFS, 'BAD_VALUE', message, { offset })
  }
  const layout = (format >> FORMAT_LAYOUT_SHIFT) & FORMAT_LAYOUT_MASK
  if (layout === LAYOUT.CHUNK_BASED) assertChunkFormat(volume, nid, offset, u & 0xffff)
  const isData = kind === 'file' || kind === 'directory' || kind === 'symlink'
  const isDevice = kind === 'character-device' || kind === 'block-device'
  const startBlock = u + (stored.startblkHi ?? 0) * 2 ** 32
  const xattrSize = xattrIcount === 0 ? 0 : XattrIbodyHeader.size + XATTR_UNIT * (xattrIcount - 1)
  return {
    nid,
    offset,
    inodeSize: stored.inodeSize,
    xattrSize,
    bodyOffset: offset + stored.inodeSize + xattrSize,
    layout,
    kind,
    mode,
    nlink: stored.nlink,
    uid: stored.uid,
    gid: stored.gid,
    mtime: stored.mtime,
    size: isData ? stored.size : 0,
    u,
    startBlock: isHole(volume, layout, startBlock) ? undefined : startBlock,
    device: isDevice ? decodeDevice(u) : undefined,
    dotOmitted: kind === 'directory' && (format & FORMAT_DOT_OMITTED) !== 0,
  }
}

function assertFormat(volume: Volume, nid: number, offset: number, format: number): void {
  const layout = (format >> FORMAT_LAYOUT_SHIFT) & FORMAT_LAYOUT_MASK
  const narrowBits = volume.has(INCOMPAT.FORTY_EIGHT_BIT) ? 0 : FORMAT_NLINK_1
  if (format & (FORMAT_RESERVED | narrowBits) || layout > LAYOUT.CHUNK_BASED) {
    const message = `inode ${nid} has the unknown format 0x${format.toString(16)}`
    throw new FormatError(EROFS, 'UNSUPPORTED', message, { offset })
  }
}

/** Linux looks at it in every inode of this layout, also in devices, where it is the device number. */
function assertChunkFormat(volume: Volume, nid: number, offset: number, format: number): void {
  const wide = volume.has(INCOMPAT.FORTY_EIGHT_BIT) ? CHUNK_FORMAT_48BIT : 0
  const known = CHUNK_FORMAT_BLKBITS_MASK | CHUNK_FORMAT_INDEXES | wide
  if (format & ~known) {
    const message = `inode ${nid} has the unknown chunk format 0x${format.toString(16)}`
    throw new FormatError(EROFS, 'UNSUPPORTED', message, { offset })
  }
}

interface StoredInode extends Pick<Inode, 'inodeSize' | 'mode' | 'nlink' | 'size' | 'u'> {
  readonly uid: number
  readonly gid: number
  readonly mtime: Inode['mtime']
  readonly xattrIcount: number
  /** Undefined where the inode has no room for it. */
  readonly startblkHi: number | undefined
}

function decodeCompact(bytes: Uint8Array, volume: Volume, format: number): StoredInode {
  const inode = decode(CompactInode, bytes)
  const isDirectory = (inode.mode & S_IFMT) === S_IFDIR
  const oneLink = !isDirectory && (format & FORMAT_NLINK_1) !== 0
  return {
    ...inode,
    inodeSize: CompactInode.size,
    nlink: oneLink ? 1 : inode.nlink,
    startblkHi: oneLink ? inode.nlink : undefined,
    mtime: { seconds: volume.epoch + inode.mtime, nanoseconds: volume.fields.fixedNsec },
  }
}

function decodeExtended(bytes: Uint8Array, offset: number): StoredInode {
  const inode = decode(ExtendedInode, bytes)
  return {
    ...inode,
    inodeSize: ExtendedInode.size,
    size: narrow(inode.size, EROFS, 'i_size', offset),
    mtime: {
      seconds: narrow(inode.mtime, EROFS, 'i_mtime', offset),
      nanoseconds: inode.mtimeNsec,
    },
  }
}

/** Linux from 6.15 on knows this hole and no other: elsewhere the block is one that there is not. */
function isHole(volume: Volume, layout: number, startBlock: number): boolean {
  const isPossible = layout === LAYOUT.FLAT_PLAIN && volume.has(INCOMPAT.FORTY_EIGHT_BIT)
  return isPossible && startBlock === NULL_ADDR_48
}

/** `dev_t` as the kernel's new_decode_dev reads it. */
function decodeDevice(u: number): { major: number; minor: number } {
  return { major: (u >>> 8) & 0xfff, minor: (u & 0xff) | ((u >>> 12) & 0xfff00) }
}
