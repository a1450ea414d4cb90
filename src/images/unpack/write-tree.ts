/**
 * Writes the entries of a file system below a folder that only we can enter, and that is reached by
 * its descriptor where the system has that: nothing above or in it can be exchanged by another user.
 *
 * No path is followed that the image could have bent: names are single components, every folder on
 * the way is one we made, files are created exclusively, and nothing that exists is opened. Where
 * the host takes two names for one (case, normal forms) the second one fails.
 */

import { constants } from 'node:fs'
import { chmod, type FileHandle, link, mkdir, open, symlink } from 'node:fs/promises'
import { sep } from 'node:path'
import { ImageError } from '../../errors.ts'
import { errnoOf, toFileError } from '../../files/errno.ts'
import type { Erofs, Inode, WalkEntry } from '../../formats/erofs/index.ts'
import { encodeVis } from '../../tree/vis.ts'
import { type RestoreContext, restoreMetadata, restoreSymlink } from './restore-metadata.ts'

export interface WriteContext extends RestoreContext {
  /** What the folder will be called, for messages. */
  readonly target: string
  /** Most bytes of content. */
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

/**
 * Writes everything in `erofs` below `folder`, or below a new folder `mountPoint` in it.
 *
 * @throws ImageError TOO_LARGE, UNSAFE_PATH; FormatError; FileError
 */
export async function writeTree(
  erofs: Erofs,
  folder: string,
  mountPoint: string,
  context: WriteContext,
): Promise<UnpackCounts> {
  const top = mountPoint === '' ? folder : `${folder}${sep}${mountPoint}`
  if (top !== folder) await mkdir(top, 0o700)
  const writer = new TreeWriter(erofs, Buffer.from(top), context)
  for await (const entry of erofs.walk()) await writer.write(entry)
  await writer.finish()
  // The image says nothing about the folder around a usr tree.
  if (top !== folder) await chmod(folder, 0o755)
  return writer.counts()
}

/** A folder whose entries are being written. */
interface OpenFolder {
  readonly inode: Inode
  readonly place: Place
}

/** An entry on the host and in messages. */
interface Place {
  readonly path: Buffer
  /** Path in the image, escaped. */
  readonly shown: string
}

class TreeWriter {
  readonly #erofs: Erofs
  readonly #top: Buffer
  readonly #context: WriteContext
  readonly #folders: OpenFolder[] = []
  /** Where the first name of a file or symlink with several was written. */
  readonly #links = new Map<number, Buffer>()
  #entries = 0
  #counts = { files: 0, directories: 0, symlinks: 0, hardLinks: 0, contentSize: 0 }

  constructor(erofs: Erofs, top: Buffer, context: WriteContext) {
    this.#erofs = erofs
    this.#top = top
    this.#context = context
  }

  counts(): UnpackCounts {
    return this.#counts
  }

  async write({ path, name, inode, parent }: WalkEntry): Promise<void> {
    while (parent && this.#folders.at(-1)?.inode.nid !== parent.nid) await this.#closeFolder()
    const shown = encodeVis(path)
    const separator = path.length === 0 ? [] : [Buffer.from(sep), name]
    const above = this.#folders.at(-1)?.place.path ?? this.#top
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
        if (!isTop) await mkdir(place.path, 0o700)
        this.#folders.push({ inode, place })
        this.#counts.directories++
        return
      case 'file':
        return this.#writeFile(inode, place)
      case 'symlink':
        // Elsewhere link(2) may follow a symlink, and so lead out of the folder.
        if (process.platform === 'linux' && (await this.#linkToFirst(inode, place))) return
        await symlink(Buffer.from(await this.#erofs.readlink(inode)), place.path)
        await restoreSymlink(this.#erofs, inode, place, this.#context)
        this.#remember(inode, place)
        this.#counts.symlinks++
        return
      default: {
        const reason = `Node cannot make a ${inode.kind}`
        this.#context.losses.add('special', reason, place.shown)
      }
    }
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
    this.#remember(inode, place)
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

  #remember(inode: Inode, place: Place): void {
    if (inode.nlink > 1) this.#links.set(inode.nid, place.path)
  }

  async #writeContent(inode: Inode, handle: FileHandle): Promise<void> {
    let end = 0
    for await (const { offset, bytes } of this.#erofs.pieces(inode)) {
      this.#counts.contentSize += bytes.length
      this.#assertSize()
      // An interruption is heard in the middle of a large file too.
      this.#context.onEntry(this.#entries)
      await writeAll(handle, bytes, offset)
      end = offset + bytes.length
    }
    if (end < inode.size) await handle.truncate(inode.size)
  }

  #assertSize(): void {
    const { maximumSize } = this.#context
    if (this.#counts.contentSize <= maximumSize) return
    const message = `the image holds more than ${maximumSize} bytes of content`
    throw new ImageError('TOO_LARGE', message, { hint: 'raise the maximum size if that is right' })
  }

  /** Comes last: the mode may forbid us to write into the folder, and writing changes its time. */
  async #closeFolder(): Promise<void> {
    const folder = this.#folders.pop()
    if (!folder) throw new RangeError('an entry below no open folder')
    const { inode, place } = folder
    let handle: FileHandle | undefined
    try {
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
