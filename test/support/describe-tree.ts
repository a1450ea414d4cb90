/**
 * A file tree as a table that two trees can be compared by: everything an image has to keep.
 *
 * Paths and link targets are latin1, one character a byte, so that names which are not UTF-8 survive.
 */

import { createHash } from 'node:crypto'
import {
  type BigIntStats,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs'
import { expect } from 'vitest'
import { output } from './run.ts'
import { tool } from './tools.ts'

const RELEASE_PARENTS = new Set(['/usr', '/usr/lib', '/etc'])
const RELEASE_FOLDER = /\/extension-release\.d(\/|$)/

export interface Entry {
  readonly kind: string
  /** Octal permission bits. */
  readonly mode: string
  /** `uid:gid` */
  readonly owner: string
  /** Nanoseconds since the epoch. */
  readonly mtime: string
  /** SHA-256 of a file, target of a link, `major:minor` of a device. */
  readonly content?: string
  readonly size?: number
  /** The first path of the same inode, where it has several. */
  readonly link?: string
  readonly xattrs?: Readonly<Record<string, string>>
}

/** Everything below `folder`, by path relative to it; the folder itself is not part of it. */
export function describeTree(folder: string): Record<string, Entry> {
  const xattrs = readXattrs(folder)
  const firstPaths = new Map<bigint, string>()
  const entries: Record<string, Entry> = {}
  const visit = (directory: string): void => {
    const names = readdirSync(bytes(`${folder}${directory}`), { encoding: 'buffer' })
    for (const name of names.map((name) => name.toString('latin1')).sort()) {
      const path = `${directory}/${name}`
      const stat = lstatSync(bytes(`${folder}${path}`), { bigint: true })
      const first = firstPaths.get(stat.ino) ?? path
      firstPaths.set(stat.ino, first)
      entries[path] = {
        kind: kindOf(stat),
        mode: (stat.mode & 0o7777n).toString(8),
        owner: `${stat.uid}:${stat.gid}`,
        mtime: `${stat.mtimeNs}`,
        ...contentOf(`${folder}${path}`, stat),
        ...(stat.nlink > 1n && !stat.isDirectory() ? { link: first } : {}),
        ...(xattrs.has(path) ? { xattrs: xattrs.get(path)! } : {}),
      }
      if (stat.isDirectory()) visit(path)
    }
  }
  visit('')
  return entries
}

/** Compares a tree from an image with its source, but for the release file and what holds it. */
export function expectSameTree(
  found: Readonly<Record<string, Entry>>,
  source: Readonly<Record<string, Entry>>,
): void {
  expect(withoutRelease(found, source)).toEqual(withoutRelease(source, source))
}

function withoutRelease(
  entries: Readonly<Record<string, Entry>>,
  source: Readonly<Record<string, Entry>>,
): Record<string, Entry> {
  return Object.fromEntries(
    Object.entries(entries).filter(([path]) => {
      const isNewParent = RELEASE_PARENTS.has(path) && !(path in source)
      return !isNewParent && !RELEASE_FOLDER.test(path)
    }),
  )
}

/** The same with whole seconds: unpacking keeps about a microsecond, because Node does. */
export function inSeconds(entries: Readonly<Record<string, Entry>>): Record<string, Entry> {
  const rounded = Object.entries(entries).map(([path, entry]) => {
    return [path, { ...entry, mtime: entry.mtime.slice(0, -9) }]
  })
  return Object.fromEntries(rounded)
}

function kindOf(stat: BigIntStats): string {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isCharacterDevice()) return 'character device'
  if (stat.isBlockDevice()) return 'block device'
  return stat.isFIFO() ? 'fifo' : 'socket'
}

function contentOf(path: string, stat: BigIntStats): Pick<Entry, 'content' | 'size'> {
  if (stat.isFile()) return { content: hashFile(path), size: Number(stat.size) }
  if (stat.isSymbolicLink()) {
    return { content: readlinkSync(bytes(path), { encoding: 'buffer' }).toString('latin1') }
  }
  if (stat.isCharacterDevice() || stat.isBlockDevice()) return { content: `${stat.rdev}` }
  return {}
}

function hashFile(path: string): string {
  const hash = createHash('sha256')
  const chunk = new Uint8Array(1 << 20)
  const file = openSync(bytes(path), 'r')
  try {
    for (;;) {
      const count = readSync(file, chunk)
      if (count === 0) return hash.digest('hex')
      hash.update(chunk.subarray(0, count))
    }
  } finally {
    closeSync(file)
  }
}

/** Extended attributes by path; values in hexadecimal. */
function readXattrs(folder: string): Map<string, Record<string, string>> {
  const options = ['--recursive', '--physical', '--no-dereference', '--dump', '--match=-']
  const text = output(tool('getfattr'), [...options, '--encoding=hex', '--absolute-names', folder])
  const found = new Map<string, Record<string, string>>()
  let current: Record<string, string> = {}
  for (const line of text.split('\n')) {
    if (line.startsWith('# file: ')) {
      current = {}
      found.set(unescapeOctal(line.slice('# file: '.length)).slice(folder.length), current)
    } else if (line !== '') {
      const [name, value] = line.split('=', 2)
      current[name!] = value ?? ''
    }
  }
  return found
}

/** getfattr writes unusual bytes of a name as `\ooo`. */
function unescapeOctal(text: string): string {
  const raw = Buffer.from(text, 'utf8').toString('latin1')
  return raw.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1')
}
