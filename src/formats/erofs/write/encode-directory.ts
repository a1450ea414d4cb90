/**
 * Directory contents: blocks of entries sorted by name bytes, each block with its own name heap.
 *
 * Facts: Linux `Documentation/filesystems/erofs.rst`, "Directories".
 */

import { compareBytes } from '../../../bytes/equal.ts'
import { encodeUtf8 } from '../../../bytes/utf8.ts'
import { BLOCK_SIZE, Dirent, FILE_TYPE } from '../layout.ts'

/** One name in a directory. */
export interface DirectoryEntry {
  readonly name: Uint8Array
  readonly nid: number
  /** A value of `FILE_TYPE`, which readers hand out as `d_type`. */
  readonly fileType: number
}

const DOT = encodeUtf8('.')
const DOT_DOT = encodeUtf8('..')

/** Size in bytes of a directory that holds `names` besides `.` and `..`. */
export function measureDirectory(names: Iterable<Uint8Array>): number {
  const blocks = splitBlocks([DOT, DOT_DOT, ...names].sort(compareBytes), (name) => name)
  return blocks.reduce(
    (size, block, index) => size + (index < blocks.length - 1 ? BLOCK_SIZE : usedBytes(block)),
    0,
  )
}

/** The contents of a directory, `.` and `..` included. */
export function encodeDirectory(
  entries: readonly DirectoryEntry[],
  self: number,
  parent: number,
): Uint8Array {
  const all = [
    { name: DOT, nid: self, fileType: FILE_TYPE.DIR },
    { name: DOT_DOT, nid: parent, fileType: FILE_TYPE.DIR },
    ...entries,
  ].sort((a, b) => compareBytes(a.name, b.name))
  const blocks = splitBlocks(all, (entry) => entry.name)
  const last = blocks.at(-1) ?? []
  const bytes = new Uint8Array(
    (blocks.length - 1) * BLOCK_SIZE + usedBytes(last.map((entry) => entry.name)),
  )
  for (const [index, block] of blocks.entries()) writeBlock(bytes, index * BLOCK_SIZE, block)
  return bytes
}

function splitBlocks<T>(items: readonly T[], nameOf: (item: T) => Uint8Array): T[][] {
  const blocks: T[][] = []
  let used = BLOCK_SIZE
  for (const item of items) {
    const size = Dirent.size + nameOf(item).length
    if (used + size > BLOCK_SIZE) {
      blocks.push([])
      used = 0
    }
    blocks.at(-1)?.push(item)
    used += size
  }
  return blocks
}

function usedBytes(names: readonly Uint8Array[]): number {
  return names.reduce((size, name) => size + Dirent.size + name.length, 0)
}

function writeBlock(bytes: Uint8Array, start: number, entries: readonly DirectoryEntry[]): void {
  const view = new DataView(bytes.buffer, start)
  let nameOffset = entries.length * Dirent.size
  entries.forEach(({ name, nid, fileType }, index) => {
    const at = index * Dirent.size
    Dirent.write(view, at, { nid: BigInt(nid), nameoff: nameOffset, fileType, reserved: 0 })
    bytes.set(name, start + nameOffset)
    nameOffset += name.length
  })
}
