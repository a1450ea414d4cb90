/** Metadata manifests made from a described tree. */

import type { Entry } from './describe-tree.ts'

/** A manifest with the extended attributes alone, which Node cannot read from the disk. */
export function xattrManifest(tree: Readonly<Record<string, Entry>>): string {
  return manifest(tree, xattrsOf)
}

/** A manifest with all that is not the content of a file; hard links stay what they are on disk. */
export function fullManifest(tree: Readonly<Record<string, Entry>>): string {
  return manifest(tree, (entry) => [
    `mode=${entry.mode}`,
    ...ownerOf(entry),
    `time=${timeOf(entry)}`,
    ...specialOf(entry),
    ...xattrsOf(entry),
  ])
}

function manifest(
  tree: Readonly<Record<string, Entry>>,
  keywordsOf: (entry: Entry) => readonly string[],
): string {
  const lines = Object.entries(tree).flatMap(([path, entry]) => {
    const keywords = keywordsOf(entry)
    return keywords.length === 0 ? [] : [[`.${encodeVis(path)}`, ...keywords].join(' ')]
  })
  return ['#mtree', ...lines, ''].join('\n')
}

function xattrsOf({ xattrs = {} }: Entry): string[] {
  return Object.entries(xattrs).map(([name, value]) => `xattr.${encodeVis(name)}=${value || '0x'}`)
}

function ownerOf({ owner }: Entry): string[] {
  const [uid, gid] = owner.split(':')
  return [`uid=${uid}`, `gid=${gid}`]
}

function timeOf({ mtime }: Entry): string {
  const time = BigInt(mtime)
  const nanoseconds = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  return `${(time - nanoseconds) / 1_000_000_000n}.${`${nanoseconds}`.padStart(9, '0')}`
}

function specialOf({ kind, content }: Entry): string[] {
  const [major, minor] = deviceOf(BigInt(/^\d+$/.test(content ?? '') ? content! : 0))
  switch (kind) {
    case 'symlink':
      return ['type=link', `link=${encodeVis(content!)}`]
    case 'character device':
      return ['type=char', `device=linux,${major},${minor}`]
    case 'block device':
      return ['type=block', `device=linux,${major},${minor}`]
    case 'fifo':
    case 'socket':
      return [`type=${kind}`]
    default:
      return []
  }
}

/** Major and minor of the 64-bit number that stat returns on Linux. */
function deviceOf(device: bigint): [major: bigint, minor: bigint] {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)
  return [major, (device & 0xffn) | ((device >> 12n) & 0xffffff00n)]
}

/** Everything but the plainest characters as `\ooo`; one character of `text` is one byte. */
function encodeVis(text: string): string {
  return text.replace(/[^\w./-]/g, (character) => {
    return `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`
  })
}
