/**
 * The names of files in the making, and how leftovers of killed processes are found.
 *
 * `.NAME.SYSTEM-PID-N.partial` lies beside `NAME`. SYSTEM says in which process table PID is to be
 * looked up, so that a builder in another container or on another host of a shared folder is
 * never taken for dead.
 */

import { createHash } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readdir, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from './errno.ts'

/** Room for the rest of the name within the 255 bytes a file system allows. */
const NAME_BYTES = 200
const ATTEMPTS = 1000
const TAIL = /^([0-9a-f]{8})-([1-9][0-9]{0,9})-[0-9]{1,3}\.partial$/

export interface Partial {
  readonly path: string
  readonly handle: FileHandle
}

/** A new file beside `output` that nobody else can read yet. Throws what the system throws. */
export async function openPartial(output: string): Promise<Partial> {
  return firstFree(output, async (path) => ({ path, handle: await open(path, 'wx+', 0o600) }))
}

/** A new folder beside `output` that nobody else can enter yet. Throws what the system throws. */
export async function makePartialFolder(output: string): Promise<string> {
  return firstFree(output, async (path) => {
    await mkdir(path, 0o700)
    return path
  })
}

/**
 * Removes what killed processes left of `output`. What cannot be removed stays.
 *
 * @param remove how; files by default
 */
export async function removeStalePartials(
  output: string,
  remove: (path: string) => Promise<void> = unlink,
): Promise<void> {
  const prefix = prefixOf(output)
  const folder = dirname(output)
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix)) continue
    const [, table, pid] = TAIL.exec(name.slice(prefix.length)) ?? []
    if (table !== processTable() || pid === undefined || isAlive(Number(pid))) continue
    await remove(join(folder, name)).catch(() => undefined)
  }
}

async function firstFree<T>(output: string, make: (path: string) => Promise<T>): Promise<T> {
  const start = `${prefixOf(output)}${processTable()}-${process.pid}-`
  for (let attempt = 0; ; attempt++) {
    try {
      return await make(join(dirname(output), `${start}${attempt}.partial`))
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || attempt + 1 === ATTEMPTS) throw error
    }
  }
}

function prefixOf(output: string): string {
  let name = basename(output)
  while (Buffer.byteLength(name) > NAME_BYTES) name = [...name].slice(0, -1).join('')
  return `.${name}.`
}

/** Eight hexadecimal digits that differ wherever the same process id means another process. */
function processTable(): string {
  let namespace = ''
  try {
    namespace = readlinkSync('/proc/self/ns/pid')
  } catch {
    // Only Linux has process namespaces, and /proc may not be mounted.
  }
  const digest = createHash('sha256').update(`${hostname()}\0${namespace}`).digest('hex')
  return digest.slice(0, 8)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return errnoOf(error) !== 'ESRCH'
  }
}
