/**
 * Files that appear whole or not at all: written beside their name, synced, then linked or renamed.
 *
 * Without `force` an existing file is never replaced: link(2) fails where the name is taken, and
 * no check before it could be as sure. Where the file system has no hard links (FAT, some network
 * file systems) a check and a rename come as close as can be without risking half a file.
 */

import type { FileHandle } from 'node:fs/promises'
import { statfs, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { FileError } from '../errors.ts'
import { errnoOf, toFileError } from './errno.ts'
import { isOurs, openPartial, type Partial, removeStalePartials } from './partial.ts'
import { findReplaceable, Placement } from './placement.ts'
import { syncDirectory } from './sync-directory.ts'
import { forgetUnfinished, inOneGo, rememberWritten } from './unfinished.ts'

export interface OutputOptions {
  /** Replace an existing file. */
  readonly force?: boolean | undefined
  /**
   * Permission bits of the finished file, whatever the umask. Default: those of a file of ours that is
   * replaced, else 0644.
   */
  readonly mode?: number | undefined
  /** Whose the finished file shall be. Default: whose it becomes. */
  readonly owner?: FileOwner | undefined
  /** Called once the bytes are durable, before the file gets its name; may throw to keep it from that. */
  readonly beforeCommit?: (() => Promise<void>) | undefined
}

export interface FileOwner {
  readonly uid: number
  readonly gid: number
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
  /** {@link commitOutputs} of this one alone. @throws FileError EXISTS, NO_SPACE, IO */
  commit(): Promise<void>
  /** Removes what was written. Never throws. */
  abort(): Promise<void>
  /** Whether it has been committed or aborted. */
  readonly isDone: boolean
  /** Makes the bytes durable; nothing can be written afterwards. @throws FileError NO_SPACE, IO */
  finish(): Promise<void>
  /** Gives the finished file its name, beside the other one; see {@link Placement}. @throws FileError */
  place(keepOld: boolean): Promise<void>
  /** Takes the other name away. @throws FileError IO */
  settle(): Promise<void>
  /** Takes everything back. @returns the paths that are left all the same */
  takeBack(): Promise<readonly string[]>
}

/**
 * Starts the file `path`, after removing what a killed process may have left of it.
 *
 * @throws FileError EXISTS where it exists and `force` is not set, NOT_A_FILE where it is
 * something that must not be replaced, NOT_FOUND without its directory, DENIED, NO_SPACE, IO.
 */
export async function createOutput(path: string, options: OutputOptions = {}): Promise<Output> {
  await removeStalePartials(path)
  const found = await findReplaceable(path, options.force ?? false)
  const mode = options.mode ?? (found?.isFile() && isOurs(found) ? found.mode & 0o777 : 0o644)
  try {
    return new PartialOutput(path, await openPartial(path), { ...options, mode })
  } catch (error) {
    throw toFileError(error, { path, verb: 'write' })
  }
}

/** Writes `bytes` as the file `path`, whole or not at all. @throws FileError as {@link createOutput} */
export async function writeOutput(
  path: string,
  bytes: Uint8Array,
  options: OutputOptions = {},
): Promise<void> {
  const output = await createOutput(path, options)
  try {
    await output.write(bytes, 0)
    await output.commit()
  } finally {
    await output.abort()
  }
}

/**
 * Commits several files that belong together, in order: the last one says that all are there.
 *
 * All get their names, and the names are made durable, before second names are taken away. Where
 * something fails everything is taken back, and the error names what could not be.
 *
 * @throws FileError EXISTS, NO_SPACE, IO
 */
export async function commitOutputs(outputs: readonly Output[]): Promise<void> {
  if (outputs.every(({ isDone }) => isDone)) return
  await inOneGo(() => placeAll(outputs))
}

async function placeAll(outputs: readonly Output[]): Promise<void> {
  try {
    for (const output of outputs) await output.finish()
    for (const output of outputs) await output.place(outputs.length > 1)
    for (const folder of new Set(outputs.map(({ path }) => dirname(path)))) {
      await syncDirectory(folder)
    }
    for (const output of outputs.toReversed()) await output.settle()
  } catch (error) {
    const remaining: string[] = []
    for (const output of outputs.toReversed()) remaining.unshift(...(await output.takeBack()))
    throw sayRemaining(error, remaining)
  }
}

class PartialOutput implements Output {
  readonly path: string
  readonly partialPath: string
  readonly fd: number
  readonly #handle: FileHandle
  readonly #options: OutputOptions & { readonly mode: number }
  #state: 'open' | 'finished' | 'done' = 'open'
  #placement: Placement | undefined

  constructor(
    path: string,
    { path: partialPath, handle }: Partial,
    options: OutputOptions & { readonly mode: number },
  ) {
    this.path = path
    this.partialPath = partialPath
    this.fd = handle.fd
    this.#handle = handle
    this.#options = options
  }

  get isDone(): boolean {
    return this.#state === 'done'
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
      await this.#handle.chmod(this.#options.mode)
      await this.#handle.sync()
      this.#placement = new Placement(this.partialPath, this.path, await this.#handle.stat())
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
    if (uid === owner.uid && gid === owner.gid) return
    await this.#handle.chown(owner.uid, owner.gid).catch((error) => {
      const detail = `it belongs to ${owner.uid}:${owner.gid} and would not any more`
      throw toFileError(error, { path: this.path, verb: 'write', detail })
    })
  }

  async place(keepOld: boolean): Promise<void> {
    try {
      await this.#options.beforeCommit?.()
      await this.#placement?.place(this.#options.force ?? false, keepOld)
    } catch (error) {
      throw await this.explain(error)
    }
  }

  async settle(): Promise<void> {
    try {
      await this.#placement?.settle()
      this.#state = 'done'
      forgetUnfinished(this.partialPath)
      rememberWritten(this.path)
    } catch (error) {
      throw await this.explain(error)
    }
  }

  async takeBack(): Promise<readonly string[]> {
    const left = (await this.#placement?.undo()) ?? []
    await this.abort()
    // The error names it.
    if (left.includes(this.partialPath)) forgetUnfinished(this.partialPath)
    return left
  }

  async commit(): Promise<void> {
    await commitOutputs([this])
  }

  async abort(): Promise<void> {
    if (this.#state === 'done') return
    if (this.#state === 'open') await this.#handle.close().catch(() => undefined)
    this.#state = 'done'
    const error = await unlink(this.partialPath).catch((error: unknown) => error)
    if (error === undefined || errnoOf(error) === 'ENOENT') forgetUnfinished(this.partialPath)
  }
}

function sayRemaining(error: unknown, remaining: readonly string[]): unknown {
  if (!(error instanceof FileError) || remaining.length === 0) return error
  const { code, message, hint, cause } = error
  const fact = `${message}; left all the same: ${remaining.join(', ')}`
  return new FileError(code, fact, { hint, cause })
}
