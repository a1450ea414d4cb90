/**
 * What an output never takes the place of, whatever the user forces: a folder, a device, a pipe, and the
 * links by which a system names them. `/dev/stdout` is such a link: replaced by a file, every program
 * that writes to it would write into that file from then on.
 */

import { readlinkSync, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { FileError } from '../errors.ts'

const MAX_LINKS = 40

/**
 * Why what has the name `path` is not replaced: NOT_A_FILE, or undefined where it may be.
 *
 * @param found what lstat says of it
 */
export function findObstacle(path: string, found: Stats): FileError | undefined {
  if (found.isDirectory()) return new FileError('NOT_A_FILE', `${path} is a directory`)
  if (found.isSymbolicLink()) return findObstacleBehind(path)
  if (found.isFile()) return undefined
  return new FileError('NOT_A_FILE', `${path} is not a regular file and will not be replaced`)
}

/** A link to a file may be replaced, and one that leads nowhere that we can see. */
function findObstacleBehind(path: string): FileError | undefined {
  const target = follow(path)
  if ((!target || target.isFile()) && !leadsIntoProcess(path)) return undefined
  const message = `${path} is a link to what is no regular file and will not be replaced`
  return new FileError('NOT_A_FILE', message, { hint: 'name a file' })
}

/** Whether a link leads to an open descriptor of a process, which may be that of a file. */
function leadsIntoProcess(path: string): boolean {
  let at = path
  for (let count = 0; count < MAX_LINKS; count++) {
    const target = readLink(at)
    if (target === undefined) return false
    at = resolve(dirname(at), target)
    if (at.startsWith('/proc/')) return true
  }
  return false
}

function follow(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
