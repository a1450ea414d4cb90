/**
 * A folder of the build host as a tree. Only what lstat, readdir and readlink say is read; file
 * contents are read later, and only if they are still those that were seen here.
 *
 * Symbolic links are content and never followed, so there are no loops; the folder itself may be
 * reached through one and is resolved once. File systems mounted inside belong to the tree. Paths
 * of one inode become one node. Devices, fifos and sockets are kept, their contents never read.
 */

import { accessSync, type BigIntStats, closeSync, constants, openSync, readlinkSync } from 'node:fs'
import { TreeError } from '../errors.ts'
import { errnoOf } from '../files/errno.ts'
import { readAt } from '../files/read.ts'
import { compileExcludes, type Excludes } from './exclude.ts'
import { describePath, type HostPath, joinPath, toPathLike } from './host-path.ts'
import { lstat, toDevice, toIdentity, toPermissions, toTime } from './host-stat.ts'
import type { DirectoryNode, Metadata, TreeEntry, TreeNode } from './model.ts'
import { type Name, readNames } from './read-names.ts'
import { resolveRoot } from './resolve-root.ts'
import type { ReadXattrs, XattrMap } from './xattrs.ts'

export interface ScanOptions {
  /** Globs of what to leave out, see `compileExcludes`. */
  readonly exclude?: readonly string[] | undefined
  /** Reads extended attributes, see `openXattrReader`; without it nothing has any. */
  readonly readXattrs?: ReadXattrs | undefined
  /** Told the size of each regular file as it is found. */
  readonly onFile?: ((size: number) => void) | undefined
  /** Told about exclude patterns that matched nothing, and files that are not what they seem. */
  readonly onWarning?: ((message: string) => void) | undefined
}

const NO_XATTRS: XattrMap = new Map()
// Windows knows neither flag. What became a fifo must not block, what became a link not be followed.
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
/** How many unreadable files an error names. */
const NAMED = 5

/**
 * Scans the folder `root`.
 *
 * @throws TreeError NOT_FOUND, EMPTY, UNREADABLE (naming the files), CHANGED while scanning,
 * BAD_NAME, UNSUPPORTED.
 */
export function scanDirectory(root: string, options: ScanOptions = {}): DirectoryNode {
  const path = resolveRoot(root)
  const scan = new Scan(root, path, options)
  const node = scan.directory(path, lstat(path))
  scan.finish()
  if (node.entries.length === 0) {
    const reason = options.exclude?.length ? 'every entry is excluded' : 'it has no entries'
    throw new TreeError('EMPTY', `the tree ${root} is empty: ${reason}`)
  }
  return node
}

class Scan {
  readonly #root: string
  readonly #relativeStart: number
  readonly #options: ScanOptions
  readonly #excludes: Excludes | undefined
  /** Nodes of inodes that have more than one name, by device and inode number. */
  readonly #linked = new Map<string, TreeNode>()
  readonly #unreadable: string[] = []
  /** Files of size 0 that have content all the same. */
  readonly #generated: string[] = []

  constructor(root: string, path: HostPath, options: ScanOptions) {
    const text = describePath(path)
    this.#root = root
    this.#relativeStart = text.endsWith('/') ? text.length : text.length + 1
    this.#options = options
    this.#excludes = options.exclude?.length ? compileExcludes(options.exclude) : undefined
  }

  directory(path: HostPath, stat: BigIntStats): DirectoryNode {
    const entries: TreeEntry[] = []
    for (const name of this.#names(path)) {
      const child = joinPath(path, name.bytes, name.text)
      try {
        const node = this.#node(child, name)
        if (node) entries.push({ name: name.bytes, node })
      } catch (error) {
        throw this.#explain(child, error)
      }
    }
    return { kind: 'directory', metadata: this.#metadata(path, stat), entries }
  }

  /** Reports what was collected on the way. */
  finish(): void {
    const unreadable = this.#unreadable
    if (unreadable.length > 0) {
      const more = unreadable.length > NAMED ? ` and ${unreadable.length - NAMED} more` : ''
      const named = unreadable.slice(0, NAMED).join(', ')
      const message = `cannot read ${named}${more} in ${this.#root}: permission denied`
      const hint = 'make them readable for this user, or exclude them'
      throw new TreeError('UNREADABLE', message, { hint })
    }
    for (const pattern of this.#excludes?.unused() ?? []) {
      this.#options.onWarning?.(`exclude pattern ${pattern} matches nothing in ${this.#root}`)
    }
    const [first, ...others] = this.#generated
    if (first === undefined) return
    const more = others.length > 0 ? ` (and ${others.length} more)` : ''
    this.#options.onWarning?.(
      `${first} has the size 0 and yet content, as in /proc: it is empty in the image${more}`,
    )
  }

  #names(path: HostPath): Name[] {
    try {
      return readNames(path)
    } catch (error) {
      if (errnoOf(error) !== 'EACCES') throw this.#explain(path, error)
      this.#unreadable.push(this.#relative(path))
      return []
    }
  }

  /** The node at `path`, or undefined where it is excluded. */
  #node(path: HostPath, name: Name): TreeNode | undefined {
    const stat = lstat(path)
    if (this.#excludes) {
      const text = name.text ?? describePath(name.bytes)
      if (this.#excludes.matches(this.#relative(path), text, stat.isDirectory())) return undefined
    }
    if (name.bytes.length > 255) {
      const size = name.bytes.length
      const message = `the name of ${this.#relative(path)} has ${size} bytes, at most 255 fit`
      throw new TreeError('BAD_NAME', message)
    }
    if (stat.isDirectory()) return this.directory(path, stat)
    if (stat.nlink === 1n) return this.#leaf(path, stat)
    const key = `${stat.dev}:${stat.ino}`
    const node = this.#linked.get(key) ?? this.#leaf(path, stat)
    this.#linked.set(key, node)
    return node
  }

  #leaf(path: HostPath, stat: BigIntStats): TreeNode {
    const metadata = this.#metadata(path, stat)
    if (stat.isFile()) {
      if (!isReadable(path, stat)) this.#unreadable.push(this.#relative(path))
      const identity = toIdentity(stat)
      const size = Number(stat.size)
      if (size === 0 && hasContent(path)) this.#generated.push(this.#relative(path))
      this.#options.onFile?.(size)
      return { kind: 'file', metadata, content: { kind: 'file', size, path, identity } }
    }
    if (stat.isSymbolicLink()) {
      const target = new Uint8Array(readlinkSync(toPathLike(path), 'buffer'))
      return { kind: 'symlink', metadata, target }
    }
    if (stat.isCharacterDevice()) return { kind: 'character-device', metadata, ...toDevice(stat) }
    if (stat.isBlockDevice()) return { kind: 'block-device', metadata, ...toDevice(stat) }
    if (stat.isFIFO()) return { kind: 'fifo', metadata }
    if (stat.isSocket()) return { kind: 'socket', metadata }
    throw new TreeError('UNSUPPORTED', `${this.#relative(path)} is of a kind no image can hold`)
  }

  #metadata(path: HostPath, stat: BigIntStats): Metadata {
    return {
      mode: toPermissions(stat),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtime: toTime(stat.mtimeNs),
      xattrs: this.#options.readXattrs?.(path, stat.isSymbolicLink()) ?? NO_XATTRS,
    }
  }

  #explain(path: HostPath, error: unknown): unknown {
    const errno = errnoOf(error)
    if (errno === undefined) return error
    const place = `${this.#relative(path)} in ${this.#root}`
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'EINVAL') {
      const hint = 'build from a folder that nothing writes to'
      const message = `${place} changed while the tree was read`
      return new TreeError('CHANGED', message, { hint, cause: error })
    }
    const reason = errno === 'EACCES' || errno === 'EPERM' ? 'permission denied' : errno
    return new TreeError('UNREADABLE', `cannot read ${place}: ${reason}`, { cause: error })
  }

  #relative(path: HostPath): string {
    return describePath(path).slice(this.#relativeStart) || '.'
  }
}

/**
 * Whether something can be read from a file that is empty by its size: the system makes the content
 * of those in /proc and the like when they are read.
 */
function hasContent(path: HostPath): boolean {
  let file: number | undefined
  try {
    file = openSync(toPathLike(path), OPEN_FLAGS)
    return readAt(file, new Uint8Array(1), 0) > 0
  } catch {
    // What cannot be read is reported elsewhere; what would have to be waited for is not asked for.
    return false
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function isReadable(path: HostPath, stat: BigIntStats): boolean {
  // What everybody may read needs no system call, and that is nearly every file.
  if ((stat.mode & 0o444n) === 0o444n) return true
  try {
    accessSync(toPathLike(path), constants.R_OK)
    return true
  } catch {
    return false
  }
}
