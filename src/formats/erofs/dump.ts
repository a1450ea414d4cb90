/**
 * A file system as lines of text: what is stored and where, so that two images can be compared
 * by reading.
 */

import { toHex } from '../../bytes/hex.ts'
import type { Source } from '../../bytes/source.ts'
import { ALGORITHM, LAYOUT } from './layout.ts'
import { quote } from './read/decode-directory.ts'
import type { Inode } from './read/decode-inode.ts'
import type { Extent } from './read/extent.ts'
import { openErofs } from './read/open.ts'

const LAYOUT_NAMES = nameByValue(LAYOUT)
const ALGORITHM_NAMES = nameByValue(ALGORITHM)

/** Longest xattr value shown whole. */
const MAX_VALUE = 64

/**
 * One line for the superblock and several for each name, in the order of the directories.
 *
 * @throws FormatError where the file system is not sound; the lines before it have been given out.
 */
export async function* dumpErofs(source: Source): AsyncGenerator<string> {
  const erofs = await openErofs(source)
  const { superblock } = erofs
  yield line('erofs', {
    'block-size': erofs.blockSize,
    blocks: erofs.blocks,
    inodes: superblock.inos,
    epoch: superblock.epoch,
    uuid: superblock.uuid,
    label: JSON.stringify(erofs.label),
    compat: hex(superblock.featureCompat),
    incompat: hex(superblock.featureIncompat),
    algorithms: hex(superblock.availableComprAlgs),
  })
  const seen = new Set<number>()
  for await (const { path, inode } of erofs.walk()) {
    yield line(`${quote(path)} ${inode.kind}`, describeInode(inode))
    if (seen.has(inode.nid)) continue
    seen.add(inode.nid)
    for (const [name, value] of await erofs.xattrs(inode)) {
      yield `  xattr ${JSON.stringify(name)} ${describeValue(value)}`
    }
    if (inode.kind === 'symlink') yield `  target ${quote(await erofs.readlink(inode))}`
    if (inode.kind !== 'file') continue
    for await (const extent of erofs.extents(inode)) yield `  ${describeExtent(extent)}`
  }
}

function describeInode(inode: Inode): Record<string, string | number> {
  const { mtime, device } = inode
  const form = inode.inodeSize === 32 ? 'compact' : 'extended'
  return {
    mode: (inode.mode & 0o7777).toString(8).padStart(4, '0'),
    owner: `${inode.uid}:${inode.gid}`,
    links: inode.nlink,
    size: inode.size,
    mtime: `${mtime.seconds}.${mtime.nanoseconds.toString().padStart(9, '0')}`,
    nid: inode.nid,
    layout: `${form}-${LAYOUT_NAMES[inode.layout]}`,
    ...(device ? { device: `${device.major}:${device.minor}` } : {}),
  }
}

function describeExtent(extent: Extent): string {
  const range = `${extent.offset}+${extent.size}`
  switch (extent.kind) {
    case 'hole':
      return `${range} hole`
    case 'raw':
      return `${range} raw at ${extent.address}${extent.inline ? ' inline' : ''}`
    case 'fragment':
      return `${range} fragment at ${extent.fragmentOffset}`
    case 'encoded': {
      const { algorithm, address, encodedSize, inline, partial } = extent
      const name = typeof algorithm === 'number' ? ALGORITHM_NAMES[algorithm] : algorithm
      const flags = `${inline ? ' inline' : ''}${partial ? ' partial' : ''}`
      return `${range} ${name} at ${address}+${encodedSize}${flags}`
    }
  }
}

function describeValue(value: Uint8Array): string {
  const shown = toHex(value.subarray(0, MAX_VALUE))
  return value.length > MAX_VALUE ? `${shown}… ${value.length} bytes` : shown
}

function line(head: string, fields: Readonly<Record<string, string | number | bigint>>): string {
  return [head, ...Object.entries(fields).map(([name, value]) => `${name}=${value}`)].join(' ')
}

function hex(value: number): string {
  return `0x${value.toString(16)}`
}

function nameByValue(values: Readonly<Record<string, number>>): Record<number, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [value, name.toLowerCase().replace('_', '-')]),
  )
}
