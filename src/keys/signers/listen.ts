/**
 * A server at a path of the file system. The socket is bound under a name that nobody looks for, and
 * appears under its own for its owner alone, or not at all where that is taken. So two agents that
 * start together cannot remove each other's, and what is removed at the end is one's own: a server of
 * Node by itself removes whatever is at its path then.
 */

import { randomBytes } from 'node:crypto'
import { link, lstat, rename, unlink } from 'node:fs/promises'
import { createConnection, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { toHex } from '../../bytes/hex.ts'
import { KeyError } from '../../errors.ts'
import { errnoOf } from '../../files/errno.ts'
import { findSocketPathProblem } from '../socket-path.ts'

/** Agents that start and end at one path so often in a moment are not waited for. */
const MAX_TRIES = 10
const OTHERS = 0o177
const NO_HARD_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL']

/** What one file is known by. */
interface Identity {
  readonly dev: bigint
  readonly ino: bigint
}

/**
 * Has `server` listen at `path`, with mode 0600.
 *
 * @returns removes the socket, if it is still this one
 * @throws KeyError EXISTS where the name is taken, UNREADABLE where no socket can be made there.
 */
export async function listenAt(server: Server, path: string): Promise<() => Promise<void>> {
  // Node takes what reads as a number for a port, and hexadecimal digits alone may.
  const hidden = join(dirname(path), `.s${toHex(randomBytes(4))}`)
  const problem = findSocketPathProblem(path) ?? findSocketPathProblem(hidden)
  if (problem) {
    throw new KeyError('UNREADABLE', `cannot make socket ${path}: ${problem}`, {
      hint: 'name a shorter path, or one that begins at the current folder',
    })
  }
  try {
    await listen(server, hidden)
    const ours = await identify(hidden)
    await appear(hidden, path)
    return () => removeOurs(path, ours)
  } catch (error) {
    server.close()
    await unlink(hidden).catch(() => undefined)
    const errno = errnoOf(error)
    if (errno === undefined) throw error
    throw new KeyError('UNREADABLE', `cannot make socket ${path}: ${errno}`, { cause: error })
  }
}

/** Nobody else can connect, not even in the moment in which the socket is made. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const umask = process.umask(OTHERS)
    try {
      // Binds before it returns.
      server.listen({ path }, () => {
        server.off('error', reject)
        resolve()
      })
    } finally {
      process.umask(umask)
    }
  })
}

/** Gives the socket its own name. @throws KeyError EXISTS */
async function appear(hidden: string, path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await link(hidden, path)
      return await unlink(hidden)
    } catch (error) {
      const errno = errnoOf(error) ?? ''
      if (NO_HARD_LINKS.includes(errno) && !(await lstat(path).catch(() => undefined))) {
        return rename(hidden, path)
      }
      if (errno !== 'EEXIST' || attempt === MAX_TRIES) throw error
      await removeDead(path, hidden)
    }
  }
}

/** A socket nobody listens on is what a killed agent has left; anything else is not ours to remove. */
async function removeDead(path: string, hidden: string): Promise<void> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined)
  if (!found) return
  if (!found.isSocket()) throw taken(path, 'it is no socket')
  if (found.uid !== BigInt(process.getuid?.() ?? 0)) throw taken(path, 'it is that of another user')
  if (await isAlive(path)) throw taken(path, 'another agent listens there')
  // Another agent may have taken its place meanwhile: what is removed is looked at once more.
  const aside = `${hidden}d`
  await rename(path, aside).catch(() => undefined)
  const moved = await identify(aside).catch(() => undefined)
  if (!moved) return
  if (!isSame(moved, found)) await link(aside, path).catch(() => undefined)
  await unlink(aside)
}

function taken(path: string, hint: string): KeyError {
  return new KeyError('EXISTS', `${path} exists`, { hint })
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error) => resolve(errnoOf(error) !== 'ECONNREFUSED'))
  })
}

async function removeOurs(path: string, ours: Identity): Promise<void> {
  const found = await identify(path).catch(() => undefined)
  if (found && isSame(found, ours)) await unlink(path).catch(() => undefined)
}

async function identify(path: string): Promise<Identity> {
  const { dev, ino } = await lstat(path, { bigint: true })
  return { dev, ino }
}

function isSame(a: Identity, b: Identity): boolean {
  return a.dev === b.dev && a.ino === b.ino
}
