/**
 * cpio archives of the form "newc", which the kernel unpacks as an initrd.
 *
 * See the kernel's Documentation/driver-api/early-userspace/buffer-format.rst, and systemd
 * src/boot/cpio.c for the fields as systemd-stub fills them in.
 */

import { alignUp } from '../../bytes/align.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'

export const FORMAT = 'cpio'

export const DIRECTORY = 0o040000
export const REGULAR_FILE = 0o100000

/** The largest file and inode that a header has room for. */
export const MAX_FIELD = 0xffffffff

const MAGIC = '070701'
const ALIGNMENT = 4

/** An entry whose owner, times and devices are all zero. */
export interface CpioEntry {
  readonly inode: number
  /** Type and permissions. */
  readonly mode: number
  /** Bytes of content, which follow the entry. */
  readonly size: number
  /** ASCII. */
  readonly name: string
}

/** Header and name, padded: what stands before the content. */
export function encodeEntry({ inode, mode, size, name }: CpioEntry): Uint8Array {
  const nameSize = name.length + 1
  //              inode  mode  uid gid links mtime size devices of file and node, name  check
  const fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, nameSize, 0]
  return padded(`${MAGIC}${fields.map(field).join('')}${name}\0`)
}

/** The entry that ends an archive. Part of the format: its one `B` is a capital. */
export function encodeTrailer(): Uint8Array {
  const fields = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x0b, 0]
  return padded(`${MAGIC}${fields.map(field).join('').toUpperCase()}TRAILER!!!\0`)
}

/** The zeros that follow `size` bytes of content. */
export function padding(size: number): Uint8Array {
  return new Uint8Array(alignUp(size, ALIGNMENT) - size)
}

function field(value: number): string {
  return value.toString(16).padStart(8, '0')
}

function padded(text: string): Uint8Array {
  return encodeUtf8(text.padEnd(alignUp(text.length, ALIGNMENT), '\0'))
}
