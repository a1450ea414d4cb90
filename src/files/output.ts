/**
 * Files that appear whole or not at all: written beside their name, synced, then linked or renamed.
 *
 * Without `force` an existing file is never replaced: link(2) fails where the name is taken, and
 * no check before it could be as sure. Where the file system has no hard links (FAT, some network
 * file systems) a check and a rename come as close as can be without risking half a file.
 */

import type { FileHandle } from 'node:fs/promises'
import { link, lstat, open, rename, statfs, unlink } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import { FileError } from '../errors.ts'
import { allOf } from './all-of.ts'
import { errnoOf, toFileError } from './errno.ts'
import { openPartial, removeStalePartials } from './partial.ts'

export interface OutputOptions {
  /** Replace an existing file. */
  readonly force?: boolean | undefined
  /** Permission bits of the finished file, whatever the umask. Default 0644. */
  readonly mode?: number | undefined
  /** Who it belongs to, where that is another than who writes it. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** Called once the bytes are durable, before the file gets its name; may throw to keep it from that. */
  readonly beforeCommit?: (() => Promise<void>) | undefined
}

/** A file in the making. End with `commit` or `abort`; after either the other does nothing. */
export interface Output {
  /** The name the file will have. */
  readonly path: string
  /** The name it has meanwhile. */
  readonly partialPath: string
  /** Descriptor for reading and writing, usable from every thread until the end. */
  readonly fd: number
  /** Writes all of `bytes` at `position`. @throws FileError NO_SPACE, IO */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Cuts or extends with zeros. @throws FileError NO_SPACE, IO */
  truncate(size: number): Promise<void>
  /** `error` of this file's descriptor as a FileError that names the file and `needed` bytes. */
  explain(error: unknown, needed?: number): Promise<unknown>
  /** Makes the bytes durable; nothing can be written afterwards. @throws FileError NO_SPACE, IO */
  finish(): Promise<void>
  /** Finishes, and makes the file appear under its name. @throws FileError EXISTS, NO_SPACE, IO */
  commit(): Promise<void>
  /** Removes what was written. Never throws. */
  abort(): Promise<void>
}

/**
 * Starts the file `path`, after removing what a killed process may have left of it.
 *
 * @throws FileError EXISTS where it exists and `force` is not set, NOT_A_FILE where it is
 * something that must not be replaced, NOT_FOUND without its directory, DENIED, NO_SPACE, IO.
 */
export async function createOutput(path: string, options: OutputOptions = {}): Promise<Output> {
  await assertReplaceable(path, options.force ?? false)
  await removeStalePartials(path)
  try {
    const partial = await openPartial(path)
    return new PartialOutput(path, partial.path, partial.handle, options)
  } catch (error) {
    throw toFileError(error, { path, verb: 'write' })
  }
}

/**
 * Commits several files that belong together, in order: name the one that others wait for last.
 * Where one cannot be committed, those before it that replaced nothing disappear again.
 */
export async function commitOutputs(outputs: readonly Output[]): Promise<void> {
  const committed: string[] = []
  try {
    for (const output of outputs) await output.finish()
    for (const output of outputs) {
      const replaced = await exists(output.path)
      await output.commit()
      if (!replaced) committed.push(output.path)
    }
  } catch (error) {
    for (const path of committed) await unlink(path).catch(() => undefined)
    await allOf(outputs.map((output) => output.abort()))
    throw error
  }
}

class PartialOutput implements Output {
  readonly path: string
  readonly partialPath: string
  readonly fd: number
  readonly #handle: FileHandle
  readonly #options: OutputOptions
  #state: 'open' | 'finished' | 'done' = 'open'

  constructor(path: string, partialPath: string, handle: FileHandle, options: OutputOptions) {
    this.path = path
    this.partialPath = partialPath
    this.fd = handle.fd
    this.#handle = handle
    this.#options = options
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      try {
        const rest = bytes.length - done
        done += (await this.#handle.write(bytes, done, rest, position + done)).bytesWritten
      } catch (error) {
        throw await this.explain(error, position + bytes.length)
      }
    }
  }

  async truncate(size: number): Promise<void> {
    try {
      await this.#handle.truncate(size)
    } catch (error) {
      throw await this.explain(error, size)
    }
  }

  async explain(error: unknown, needed?: number): Promise<unknown> {
    const detail: string[] = []
    if (needed !== undefined) detail.push(`at least ${needed} bytes needed`)
    if (errnoOf(error) === 'ENOSPC') {
      const space = await statfs(dirname(this.path)).catch(() => undefined)
      if (space) detail.push(`${space.bavail * space.bsize} free`)
    }
    return toFileError(error, { path: this.path, verb: 'write', detail: detail.join(', ') })
  }

  async finish(): Promise<void> {
    if (this.#state !== 'open') return
    try {
      await this.#setOwner()
      await this.#handle.chmod(this.#options.mode ?? 0o644)
      await this.#handle.sync()
      await this.#handle.close()
      this.#state = 'finished'
    } catch (error) {
      throw await this.explain(error)
    }
  }

  async #setOwner(): Promise<void> {
    const { owner } = this.#options
    if (!owner) return
    const { uid, gid } = await this.#handle.stat()
    if (uid !== owner.uid || gid !== owner.gid) await this.#handle.chown(owner.uid, owner.gid)
  }

  async commit(): Promise<void> {
    if (this.#state === 'done') return
    try {
      await this.finish()
      await assertReplaceable(this.path, this.#options.force ?? false)
      await this.#options.beforeCommit?.()
      if (this.#options.force) await rename(this.partialPath, this.path)
      else await linkOrRename(this.partialPath, this.path)
      this.#state = 'done'
      await syncDirectory(dirname(this.path))
    } catch (error) {
      await this.abort()
      throw await this.explain(error)
    }
  }

  async abort(): Promise<void> {
    if (this.#state === 'done') return
    if (this.#state === 'open') await this.#handle.close().catch(() => undefined)
    this.#state = 'done'
    await unlink(this.partialPath).catch(() => undefined)
  }
}

/** Renames without replacing: `to` must not exist. */
async function linkOrRename(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    const unsupported = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL']
    if (!unsupported.includes(errnoOf(error) ?? '')) throw error
    // The caller has just checked that the name is free.
    return rename(from, to)
  }
  await unlink(from)
}

async function assertReplaceable(path: string, force: boolean): Promise<void> {
  if (path.endsWith(sep)) throw new FileError('NOT_A_FILE', `${path} names a directory`)
  const found = await lstat(path).catch((error) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw toFileError(error, { path, verb: 'write' })
  })
  if (!found) return
  if (found.isDirectory()) throw new FileError('NOT_A_FILE', `${path} is a directory`)
  if (!found.isFile() && !found.isSymbolicLink()) {
    throw new FileError('NOT_A_FILE', `${path} is not a regular file and will not be replaced`)
  }
  if (!force) throw new FileError('EXISTS', `${path} exists`, { hint: '--force replaces it' })
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/** Makes a new name durable. Systems that cannot sync a directory do it on their own. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (!handle) return
  try {
    await handle.sync()
  } catch (error) {
    if (errnoOf(error) === 'EIO') throw error
  } finally {
    await handle.close()
  }
}
