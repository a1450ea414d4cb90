/** File systems of one directory and a few inodes, put together by hand so that they can be wrong. */

import { concat } from '../../../src/bytes/concat.ts'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { FILE_TYPE, LAYOUT, S_IFDIR, S_IFREG } from '../../../src/formats/erofs/layout.ts'
import { encodeDirectory } from '../../../src/formats/erofs/write/encode-directory.ts'
import { encodeInode, type InodeFields } from '../../../src/formats/erofs/write/encode-inode.ts'
import {
  type CompressionRecord,
  encodeBlock0,
} from '../../../src/formats/erofs/write/encode-superblock.ts'

/** An inode and the bytes behind it. */
export interface TinyInode {
  readonly name: string
  readonly fileType?: number
  readonly fields?: Partial<InodeFields>
  /** What follows the inode: attributes, index, tail. */
  readonly body?: Uint8Array
}

export interface TinyImage {
  readonly bytes: Uint8Array
  /** Nid of each inode, in the order given. */
  readonly nids: readonly number[]
}

const BLOCK = 4096
const EPOCH = 1_700_000_000

const FIELDS: InodeFields = {
  mode: S_IFREG | 0o644,
  uid: 0,
  gid: 0,
  nlink: 1,
  size: 0,
  mtime: { seconds: EPOCH, nanoseconds: 0 },
  ino: 1,
  layout: LAYOUT.FLAT_PLAIN,
  xattrSize: 0,
  u: 0,
}

/**
 * An image of `blocks` blocks whose last ones hold the inodes; each starts a kibibyte of its own.
 *
 * @param names what the root directory says; by default the truth
 */
export function tinyImage(
  inodes: readonly TinyInode[],
  options: {
    readonly blocks?: number
    readonly compression?: CompressionRecord
    readonly names?: readonly { name: Uint8Array; nid: number; fileType: number }[]
  } = {},
): TinyImage {
  const { blocks = 8, compression } = options
  const metaBlock = blocks - Math.ceil((inodes.length + 2) / 4)
  const nids = inodes.map((_, index) => 32 * (index + 2))
  const root = 32
  const names =
    options.names ??
    inodes.map(({ name, fileType = FILE_TYPE.REG_FILE }, index) => {
      return { name: encodeUtf8(name), nid: nids[index]!, fileType }
    })
  const directory = encodeDirectory(names, root, root)
  const mode = S_IFDIR | 0o755
  const rootFields = { mode, nlink: 2, size: directory.length, layout: LAYOUT.FLAT_INLINE }
  const bytes = new Uint8Array(blocks * BLOCK)
  const place = (nid: number, fields: Partial<InodeFields>, body: Uint8Array) => {
    const inode = encodeInode({ ...FIELDS, ...fields }, EPOCH)
    bytes.set(concat(inode, body), metaBlock * BLOCK + nid * 32)
  }
  place(root, rootFields, directory)
  for (const [index, { fields = {}, body = new Uint8Array(0) }] of inodes.entries()) {
    place(nids[index]!, fields, body)
  }
  const block0 = encodeBlock0({
    inodes: inodes.length + 1,
    blocks,
    epoch: EPOCH,
    rootNid: root,
    metaBlock,
    xattrBlock: 0,
    uuid: '00000000-0000-0000-0000-000000000000',
    compression,
  })
  bytes.set(block0)
  return { bytes, nids }
}
