/**
 * Directory contents, block by block, checked as strictly as the kernel's lookup needs them.
 *
 * See "Directories" in https://erofs.docs.kernel.org/en/latest/core_ondisk.html
 */

import { compareBytes } from '../../../bytes/equal.ts'
import { narrow } from '../../../bytes/narrow.ts'
import { viewOf } from '../../../bytes/struct.ts'
import type { FormatError } from '../../../errors.ts'
import { Dirent, EROFS, FILE_TYPE, NAME_LEN } from '../layout.ts'
import type { DirectoryEntry } from '../write/encode-directory.ts'
import type { Inode } from './decode-inode.ts'
import { badInode } from './extent.ts'
import { readAt } from './read-data.ts'
import type { Volume } from './volume.ts'

const SLASH = 0x2f

/**
 * The entries of `directory` in the order stored, `.` and `..` among them where they are stored.
 *
 * @throws FormatError where a block is not sound, a name is impossible, or names are out of order:
 *   Linux would list such a directory but not find all of its files.
 */
export async function* readDirectory(
  volume: Volume,
  directory: Inode,
): AsyncGenerator<DirectoryEntry> {
  if (directory.kind !== 'directory') throw badInode(directory, `is a ${directory.kind}`)
  let previous: Uint8Array | undefined
  for await (const block of readBlocks(volume, directory)) {
    for (const entry of decodeDirectoryBlock(block, directory)) {
      if (previous && compareBytes(previous, entry.name) >= 0) {
        throw outOfOrder(directory, entry)
      }
      previous = entry.name
      yield entry
    }
  }
}

/**
 * The entry called `name`, found as Linux finds it: blocks and the names in them are sorted.
 *
 * @throws FormatError where a block on the way is not sound.
 */
export async function findEntry(
  volume: Volume,
  directory: Inode,
  name: Uint8Array,
): Promise<DirectoryEntry | undefined> {
  if (directory.kind !== 'directory') throw badInode(directory, `is a ${directory.kind}`)
  let low = 0
  let high = Math.ceil(directory.size / volume.blockSize)
  if (high === 0) return undefined
  // The last block that does not begin behind the name.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const [first] = decodeDirectoryBlock(await readBlock(volume, directory, middle), directory, 1)
    if (first && compareBytes(first.name, name) <= 0) low = middle
    else high = middle
  }
  let previous: Uint8Array | undefined
  for (const entry of decodeDirectoryBlock(await readBlock(volume, directory, low), directory)) {
    if (previous && compareBytes(previous, entry.name) >= 0) throw outOfOrder(directory, entry)
    previous = entry.name
    if (compareBytes(entry.name, name) === 0) return entry
  }
  return undefined
}

function outOfOrder(directory: Inode, { name }: DirectoryEntry): FormatError {
  return badInode(directory, `its name ${quote(name)} is out of order`)
}

/** Whether `name` is `.` or `..`. */
export function isDot(name: Uint8Array): boolean {
  return name.length <= 2 && name.every((byte) => byte === 0x2e)
}

/** A name as it can be shown in a message. */
export function quote(name: Uint8Array): string {
  return JSON.stringify(new TextDecoder().decode(name))
}

/** The content block by block; the last one ends with the directory. */
async function* readBlocks(volume: Volume, directory: Inode): AsyncGenerator<Uint8Array> {
  for (let block = 0; block * volume.blockSize < directory.size; block++) {
    yield readBlock(volume, directory, block)
  }
}

function readBlock(volume: Volume, directory: Inode, block: number): Promise<Uint8Array> {
  const offset = block * volume.blockSize
  return readAt(volume, directory, offset, Math.min(volume.blockSize, directory.size - offset))
}

/** The entries of one block, or the first ones: fixed-size records, then their names back to back. */
function decodeDirectoryBlock(
  block: Uint8Array,
  directory: Inode,
  most = Number.POSITIVE_INFINITY,
): DirectoryEntry[] {
  const view = viewOf(block)
  const tableSize = block.length < Dirent.size ? 0 : view.getUint16(Dirent.offsets.nameoff, true)
  const count = tableSize / Dirent.size
  if (tableSize === 0 || tableSize >= block.length || !Number.isInteger(count)) {
    throw badInode(directory, `a directory block whose names start at byte ${tableSize}`)
  }
  const entries: DirectoryEntry[] = []
  for (let index = 0; index < Math.min(count, most); index++) {
    const { nid, nameoff, fileType } = Dirent.read(view, index * Dirent.size)
    const start = nameoff
    const end =
      index < count - 1
        ? view.getUint16((index + 1) * Dirent.size + Dirent.offsets.nameoff, true)
        : endOfName(block, start)
    const size = end - start
    if (start < tableSize || end > block.length || size < 1 || size > NAME_LEN) {
      throw badInode(directory, `a name from byte ${start} to ${end} of a directory block`)
    }
    const name = block.slice(start, end)
    if (name.includes(0) || name.includes(SLASH)) {
      throw badInode(directory, `a name with a slash or NUL: ${quote(name)}`)
    }
    if (fileType > FILE_TYPE.SYMLINK) {
      throw badInode(directory, `${quote(name)} has the unknown file type ${fileType}`)
    }
    entries.push({ name, nid: narrow(nid, EROFS, 'nid of a directory entry'), fileType })
  }
  return entries
}

/** The last name of a block ends with the block or with the zeros that fill it. */
function endOfName(block: Uint8Array, start: number): number {
  const zero = block.indexOf(0, start)
  return zero < 0 ? block.length : zero
}
