/**
 * One writer of a file at a time: who changes a file that is there holds its lock from the reading
 * that decides to the writing.
 *
 * The lock of `hello.raw` is a symbolic link `.hello.raw.lock` beside it, whose target names the
 * owner: link and content appear in one step, and nothing follows it. Where links cannot be made
 * (FAT), it is a file with the same text. See docs/formats/lock.md.
 */

import { createHash, randomBytes } from 'node:crypto'
import { lstatSync, readFileSync, readlinkSync, unlinkSync } from 'node:fs'
import { lstat, open, readlink, realpath, rename, symlink, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { FileError } from '../errors.ts'
import { besidePath } from './beside.ts'
import { errnoOf, toFileError } from './errno.ts'
import { assertInside } from './outside.ts'
import { ownIdentity, processIdOf, stateOfProcess } from './process-identity.ts'
import { readRegularText } from './text.ts'
import { forgetUnfinished, inOneGo, registerUnfinished } from './unfinished.ts'

/** A file whose lock is held. Only {@link withLock} makes one; after its end it is of no use. */
export type { LockedFile }

const FORMAT = 'extsign-lock-1'
const MAX_MARK = 1024
const ATTEMPTS = 100

class LockedFile {
  /** The file itself, without symbolic links. */
  readonly path: string
  /** The file as the user named it, for messages. */
  readonly name: string
  readonly #lock: string
  readonly #mark: string

  constructor(path: string, name: string, lock: string, mark: string) {
    this.path = path
    this.name = name
    this.#lock = lock
    this.#mark = mark
  }

  /**
   * Before something is written: the lock may have been removed by hand, or a folder on the way
   * exchanged for a link.
   *
   * @throws FileError LOCKED
   */
  async assertHeld(): Promise<void> {
    const isHeld = (await readMark(this.#lock)) === this.#mark
    const real = await realpath(this.path).catch(() => undefined)
    if (isHeld && real === this.path) return
    const fact = isHeld ? `${this.name} was moved` : `the lock ${this.#lock} was taken away`
    throw new FileError('LOCKED', `${fact} while it was held; nothing was written`)
  }
}

export interface LockOptions {
  /** A folder that must have the file in it, once every symbolic link is followed. */
  readonly within?: string | undefined
}

/**
 * Calls `use` while no other process, and nothing else in this one, holds the lock of the file
 * behind `path`. A lock whose owner has ended is taken over.
 *
 * @throws FileError LOCKED where another holds it, NOT_FOUND, DENIED where the lock cannot be made
 *   beside the file; and what `use` throws.
 */
export async function withLock<T>(
  path: string,
  use: (file: LockedFile) => Promise<T>,
  { within }: LockOptions = {},
): Promise<T> {
  const real = within === undefined ? await findReal(path) : await assertInside(within, path)
  const lock = await lockPath(real)
  const nonce = randomBytes(8).toString('hex')
  const host = hostname().replace(/[^A-Za-z0-9.-]/g, '?')
  const mark = [FORMAT, ownIdentity(), nonce, host].join(' ')
  registerUnfinished(lock, () => releaseNow(lock, mark), mark)
  try {
    await take(lock, mark, { path, lock })
    return await use(new LockedFile(real, path, lock, mark))
  } finally {
    if (await release(lock, mark)) forgetUnfinished(mark)
  }
}

/** Removes the lock that an ended process has left of a file, if there is one. @throws FileError */
export async function removeStaleLock(path: string): Promise<void> {
  const mark = await readMark(await lockPath(await findReal(path)))
  if (mark !== undefined && stateOfOwner(mark) === 'gone')
    await withLock(path, async () => undefined)
}

/** Beside a file; of a folder in it, as the one around it may be closed to us. */
async function lockPath(real: string): Promise<string> {
  const isFolder = await lstat(real).then(
    (found) => found.isDirectory(),
    () => false,
  )
  return isFolder ? join(real, '.lock') : besidePath(real, 'lock')
}

async function findReal(path: string): Promise<string> {
  return realpath(path).catch((error) => {
    throw toFileError(error, { path, verb: 'read' })
  })
}

interface Place {
  /** The file as the user named it. */
  readonly path: string
  readonly lock: string
}

/**
 * Gives `name` the content `mark`, where it is free or its owner has ended.
 *
 * Several may find the same dead owner. Only the one that holds the name derived from the owner's
 * mark may replace the lock, and only while it still has that mark: no mark is ever used twice.
 */
async function take(name: string, mark: string, place: Place): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await create(name, mark, place)) return
    const owner = await readMark(name)
    if (owner === undefined) continue // released in between
    if (stateOfOwner(owner) !== 'gone') throw locked(place, owner)
    const heir = `${place.lock}-${createHash('sha256').update(owner).digest('hex').slice(0, 16)}`
    await take(heir, mark, place)
    try {
      if ((await readMark(name)) === owner) {
        await rename(heir, name)
        return
      }
    } catch (error) {
      await release(heir, mark)
      throw toFileError(error, { path: place.path, verb: 'write' })
    }
    await release(heir, mark)
  }
  throw new FileError('LOCKED', `${place.path}: others take its lock again and again`)
}

/** @returns false where the name is taken */
async function create(name: string, mark: string, { path }: Place): Promise<boolean> {
  try {
    await inOneGo(() => symlink(mark, name))
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    const hasNoLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(error) ?? '')
    if (!hasNoLinks) throw explain(error, path)
  }
  try {
    const handle = await inOneGo(() => open(name, 'wx', 0o644))
    try {
      await handle.writeFile(mark)
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw explain(error, path)
  }
}

function explain(error: unknown, path: string): unknown {
  return toFileError(error, { path, verb: 'write', detail: 'its lock is made in the same folder' })
}

/** The mark under a name; empty where something else is there, undefined where nothing is. */
async function readMark(name: string): Promise<string | undefined> {
  try {
    return await readlink(name)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
  }
  try {
    return await readRegularText(name, { maximum: MAX_MARK })
  } catch (error) {
    if (error instanceof FileError) return error.code === 'NOT_FOUND' ? undefined : ''
    throw error
  }
}

/** @returns false where it cannot be removed */
async function release(name: string, mark: string): Promise<boolean> {
  try {
    // A lock that was removed by hand and made anew belongs to another.
    if ((await readMark(name)) === mark) await unlink(name)
    return true
  } catch (error) {
    return errnoOf(error) === 'ENOENT'
  }
}

/** {@link release} in the last moment of this process. */
function releaseNow(name: string, mark: string): void {
  if (readMarkNow(name) === mark) unlinkSync(name)
}

function readMarkNow(name: string): string {
  try {
    return readlinkSync(name)
  } catch {
    return lstatSync(name).isFile() ? readFileSync(name, 'latin1') : ''
  }
}

function stateOfOwner(mark: string) {
  const [format, identity = ''] = mark.split(' ')
  return format === FORMAT ? stateOfProcess(identity) : 'unknown'
}

function locked({ path, lock }: Place, mark: string): FileError {
  const [, identity = '', , host = 'an unknown host'] = mark.split(' ')
  const pid = processIdOf(identity)
  const hint = `when the other one has ended and ${basename(lock)} is still there, remove that`
  if (pid === undefined) {
    const message = `${path} is locked: ${lock} names no owner that extsign knows`
    return new FileError('LOCKED', message, { hint })
  }
  const owner = identity === ownIdentity() ? 'this process' : `process ${pid} on ${host}`
  const isVisible = stateOfProcess(identity) === 'alive'
  const message = `${path} is being changed by ${owner}${isVisible ? '' : ', which cannot be seen from here'}`
  return new FileError('LOCKED', message, { hint })
}
