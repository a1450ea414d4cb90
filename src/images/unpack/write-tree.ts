/**
 * Writes the entries of a file system below a folder that only we can enter, and that is reached by
 * its descriptor where the system has that: nothing above or in it can be exchanged by another user.
 *
 * No path is followed that the image could have bent: names are single components, every folder on
 * the way is one we made, files are created exclusively, and nothing that exists is opened. Where
 * the host takes two names for one (case, normal forms) the second one fails.
 *
 * A folder deep in others is made in a folder aside and moved to its place when it is complete. So the
 * system never follows more than some hundred bytes of path to an entry, however deep the tree is.
 */

import { constants } from 'node:fs'
import { chmod, type FileHandle, link, mkdir, open, rename, rmdir, symlink } from 'node:fs/promises'
import { sep } from 'node:path'
import { ImageError } from '../../errors.ts'
import { errnoOf, toFileError } from '../../files/errno.ts'
import type { FolderOutput } from '../../files/folder-output.ts'
import type { Erofs, Inode, WalkEntry } from '../../formats/erofs/index.ts'
import { encodeVis } from '../../tree/vis.ts'
import { type RestoreContext, restoreMetadata, restoreSymlink } from './restore-metadata.ts'

export interface WriteContext extends Omit<RestoreContext, 'spend'> {
  /** What the folder will be called, for messages. */
  readonly target: string
  /** Most bytes of content, targets of symlinks and values of attributes. */
  readonly maximumSize: number
  /** Called again and again with the number of entries so far; may throw to end it. */
  readonly onEntry: (done: number) => void
}

export interface UnpackCounts {
  readonly files: number
  readonly directories: number
  readonly symlinks: number
  /** Further names of files and symlinks. */
  readonly hardLinks: number
  /** Bytes of content written, holes not counted. */
  readonly contentSize: number
}

/** Names that Windows takes for paths, streams or devices. */
const WINDOWS_UNSAFE = /[\\/:*?"<>|]|[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i

const NEW_FILE =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0)
const MADE_FOLDER = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0)

/** Elsewhere link(2) may follow a symlink, and so lead out of the folder. */
const LINKS_SYMLINKS = process.platform === 'linux'

/** Bytes of path below the top, or below a folder that is made aside, from which on one is made aside. */
const LONG = 512

/**
 * Writes everything in `erofs` below the content of `folder`, or below a new folder `mountPoint` in it.
 *
 * @throws ImageError TOO_LARGE, UNSAFE_PATH; FormatError; FileError
 */
export async function writeTree(
  erofs: Erofs,
  { contentPath, stagingPath }: Pick<FolderOutput, 'contentPath' | 'stagingPath'>,
  mountPoint: string,
  context: WriteContext,
): Promise<UnpackCounts> {
  const top = mountPoint === '' ? contentPath : `${contentPath}${sep}${mountPoint}`
  if (top !== contentPath) await mkdir(top, 0o700)
  const writer = new TreeWriter(erofs, Buffer.from(top), new Staging(stagingPath), context)
  for await (const entry of erofs.walk()) await writer.write(entry)
  await writer.finish()
  // The image says nothing about the folder around a usr tree.
  if (top !== contentPath) await chmod(contentPath, 0o755)
  return writer.counts()
}

/** A folder whose entries are being written. */
interface OpenFolder {
  readonly inode: Inode
  readonly place: Place
  /** Where it is until it is complete: its place, or aside. */
  readonly path: Buffer
  /** Bytes of `path` that are the same for all entries. */
  readonly baseLength: number
  /** Whether it and all that it is in are in their places. */
  readonly isFinal: boolean
}

/** An entry on the host and in messages. */
interface Place {
  readonly path: Buffer
  /** Path in the image, escaped. */
  readonly shown: string
}

/** A folder that is made when it is needed, for what has no place yet. */
class Staging {
  readonly #path: string
  #used = 0

  constructor(path: string) {
    this.#path = path
  }

  /** A path in it that nothing has. */
  async newPath(): Promise<Buffer> {
    if (this.#used === 0) await mkdir(this.#path, 0o700)
    return Buffer.from(`${this.#path}${sep}${this.#used++}`)
  }
}

class TreeWriter {
  readonly #erofs: Erofs
  readonly #top: Buffer
  readonly #staging: Staging
  readonly #context: WriteContext & RestoreContext
  readonly #folders: OpenFolder[] = []
  /** Where a file or symlink with several names is found until all is written. */
  readonly #links = new Map<number, Buffer>()
  #entries = 0
  /** Bytes that count toward the maximum. */
  #written = 0
  #counts = { files: 0, directories: 0, symlinks: 0, hardLinks: 0, contentSize: 0 }

  constructor(erofs: Erofs, top: Buffer, staging: Staging, context: WriteContext) {
    this.#erofs = erofs
    this.#top = top
    this.#staging = staging
    this.#context = { ...context, spend: (bytes) => this.#spend(bytes) }
  }

  counts(): UnpackCounts {
    return this.#counts
  }

  async write({ path, name, inode, parent }: WalkEntry): Promise<void> {
    while (parent && this.#folders.at(-1)?.inode.nid !== parent.nid) await this.#closeFolder()
    const shown = encodeVis(path)
    const separator = path.length === 0 ? [] : [Buffer.from(sep), name]
    const above = this.#folders.at(-1)?.path ?? this.#top
    const place = { path: Buffer.concat([above, ...separator]), shown }
    if (parent) assertSafeName(shown, name)
    try {
      await this.#writeEntry(inode, place, parent === undefined)
    } catch (error) {
      throw explain(error, shown, this.#context.target)
    }
    this.#context.onEntry(++this.#entries)
  }

  /** Closes the folders that are still open. */
  async finish(): Promise<void> {
    while (this.#folders.length > 0) await this.#closeFolder()
  }

  async #writeEntry(inode: Inode, place: Place, isTop: boolean): Promise<void> {
    switch (inode.kind) {
      case 'directory':
        this.#folders.push(await this.#makeFolder(inode, place, isTop))
        this.#counts.directories++
        return
      case 'file':
        return this.#writeFile(inode, place)
      case 'symlink':
        if (LINKS_SYMLINKS && (await this.#linkToFirst(inode, place))) return
        this.#spend(inode.size)
        await symlink(Buffer.from(await this.#erofs.readlink(inode)), place.path)
        await restoreSymlink(this.#erofs, inode, place, this.#context)
        if (LINKS_SYMLINKS) await this.#remember(inode, place)
        this.#counts.symlinks++
        return
      default: {
        const reason = `Node cannot make a ${inode.kind}`
        this.#context.losses.add('special', reason, place.shown)
      }
    }
  }

  async #makeFolder(inode: Inode, place: Place, isTop: boolean): Promise<OpenFolder> {
    const above = this.#folders.at(-1)
    const { baseLength, isFinal } = above ?? { baseLength: this.#top.length, isFinal: true }
    if (place.path.length - baseLength <= LONG) {
      if (!isTop) await mkdir(place.path, 0o700)
      return { inode, place, path: place.path, baseLength, isFinal }
    }
    // So the name is taken, should an entry that comes meanwhile be one with it on this host.
    await mkdir(place.path, 0o700)
    const path = await this.#staging.newPath()
    await mkdir(path, 0o700)
    return { inode, place, path, baseLength: path.length, isFinal: false }
  }

  async #writeFile(inode: Inode, place: Place): Promise<void> {
    if (await this.#linkToFirst(inode, place)) return
    const handle = await open(place.path, NEW_FILE, 0o600)
    try {
      await this.#writeContent(inode, handle)
      await restoreMetadata(this.#erofs, inode, handle, place.shown, this.#context)
    } finally {
      await handle.close()
    }
    await this.#remember(inode, place)
    this.#counts.files++
  }

  /** Whether the inode has been written under another name, and this one was linked to it. */
  async #linkToFirst(inode: Inode, place: Place): Promise<boolean> {
    const first = this.#links.get(inode.nid)
    if (!first) return false
    await link(first, place.path)
    this.#counts.hardLinks++
    return true
  }

  async #remember(inode: Inode, { path }: Place): Promise<void> {
    if (inode.nlink <= 1) return
    let lasting = path
    if (!this.#folders.at(-1)?.isFinal) {
      // Its folder will be somewhere else when the next name comes.
      lasting = await this.#staging.newPath()
      await link(path, lasting)
    }
    this.#links.set(inode.nid, lasting)
  }

  async #writeContent(inode: Inode, handle: FileHandle): Promise<void> {
    let end = 0
    for await (const { offset, bytes } of this.#erofs.pieces(inode)) {
      this.#spend(bytes.length)
      this.#counts.contentSize += bytes.length
      // An interruption is heard in the middle of a large file too.
      this.#context.onEntry(this.#entries)
      await writeAll(handle, bytes, offset)
      end = offset + bytes.length
    }
    if (end < inode.size) await handle.truncate(inode.size)
  }

  /** @throws ImageError TOO_LARGE where with `bytes` more it is more than may be written */
  #spend(bytes: number): void {
    const { maximumSize } = this.#context
    this.#written += bytes
    if (this.#written <= maximumSize) return
    const message = `the image holds more than ${maximumSize} bytes of content and attributes`
    throw new ImageError('TOO_LARGE', message, { hint: 'raise the maximum size if that is right' })
  }

  /** Comes last: the mode may forbid us to write into the folder, and writing changes its time. */
  async #closeFolder(): Promise<void> {
    const folder = this.#folders.pop()
    if (!folder) throw new RangeError('an entry below no open folder')
    const { inode, place, path } = folder
    let handle: FileHandle | undefined
    try {
      if (path !== place.path) {
        await rmdir(place.path)
        await rename(path, place.path)
      }
      handle = await open(place.path, MADE_FOLDER)
      await restoreMetadata(this.#erofs, inode, handle, place.shown, this.#context)
    } catch (error) {
      throw explain(error, place.shown, this.#context.target)
    } finally {
      await handle?.close()
    }
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.length - done
    done += (await handle.write(bytes, done, rest, position + done)).bytesWritten
  }
}

function explain(error: unknown, shown: string, target: string): unknown {
  if (errnoOf(error) !== 'EEXIST') {
    return toFileError(error, { path: `${target}${sep}${shown}`, verb: 'write' })
  }
  // The folder is ours alone, so the name was taken by an earlier one of the image.
  return new ImageError('UNSAFE_PATH', `${shown} and an earlier name are one on this host`)
}

/** The reader refuses slashes and dots already; this holds even if it did not. */
function assertSafeName(shown: string, name: Uint8Array): void {
  const text = Buffer.from(name).toString('latin1')
  const isUnsafe =
    text === '' ||
    text === '.' ||
    text === '..' ||
    /[/\0]/.test(text) ||
    (sep === '\\' && WINDOWS_UNSAFE.test(text))
  if (isUnsafe) throw new ImageError('UNSAFE_PATH', `${shown} is not a name this host can have`)
}
