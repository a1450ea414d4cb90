/** The folder a tree is read from, found once. */

import { realpathSync } from 'node:fs'
import { decodeUtf8 } from '../bytes/utf8.ts'
import { TreeError } from '../errors.ts'
import { errnoOf } from '../files/errno.ts'
import type { HostPath } from './host-path.ts'
import { lstat } from './host-stat.ts'

/**
 * The absolute path of the folder `root`, without symbolic links.
 *
 * @throws TreeError NOT_FOUND, UNREADABLE
 */
export function resolveRoot(root: string): HostPath {
  const path = realPath(root)
  if (!lstat(path).isDirectory()) {
    throw new TreeError('NOT_FOUND', `the tree ${root} is not a directory`, {
      hint: 'name the folder that holds usr/, opt/ or etc/',
    })
  }
  return path
}

function realPath(root: string): HostPath {
  try {
    const bytes = realpathSync.native(root, 'buffer')
    return decodeUtf8(bytes) ?? new Uint8Array(bytes)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ENOTDIR') {
      throw new TreeError('NOT_FOUND', `the tree ${root} does not exist`, { cause: error })
    }
    const reason = errno === 'EACCES' ? 'permission denied' : errno
    throw new TreeError('UNREADABLE', `cannot read the tree ${root}: ${reason}`, { cause: error })
  }
}
