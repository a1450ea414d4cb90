/** Owner, attributes, mode and times of what was just written, as far as the host permits. */

import { type FileHandle, lchown, lstat, lutimes } from 'node:fs/promises'
import { errnoOf } from '../../files/errno.ts'
import type { Erofs, Inode } from '../../formats/erofs/index.ts'
import type { XattrWriter } from '../../tree/xattr-writer.ts'
import type { LossList } from './losses.ts'

export interface RestoreContext {
  readonly losses: LossList
  readonly xattrs: XattrWriter
  /** Keep set-user-ID and set-group-ID where the owner could not be restored. */
  readonly keepSetId: boolean
}

const SET_ID = 0o6000

/** Distance between numbers of seconds in our century. */
const SPACING = 2 ** -22

/** What the system says where it does not let us change something. */
const FORBIDDEN = ['EPERM', 'EACCES', 'EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']

/** @param shown path for messages */
export async function restoreMetadata(
  erofs: Erofs,
  inode: Inode,
  handle: FileHandle,
  shown: string,
  context: RestoreContext,
): Promise<void> {
  const stat = await handle.stat()
  // Changing the owner takes away capabilities and set-user-ID: it comes first.
  const isOwned =
    isSameOwner(inode, stat) ||
    (await permitted(
      () => handle.chown(inode.uid, inode.gid),
      (reason) => context.losses.add('owner', reason, shown),
    ))
  await restoreXattrs(erofs, inode, handle.fd, shown, context)
  const permissions = inode.mode & 0o7777
  const keepsSetId = isOwned || context.keepSetId
  if (permissions & SET_ID && !keepsSetId) {
    context.losses.add('set-id', 'its owner could not be restored', shown)
  }
  await handle.chmod(keepsSetId ? permissions : permissions & ~SET_ID)
  const mtime = timeOf(inode)
  await handle.utimes(mtime, mtime)
}

/** @param place the symlink itself, never what it leads to */
export async function restoreSymlink(
  erofs: Erofs,
  inode: Inode,
  place: { readonly path: Buffer; readonly shown: string },
  context: RestoreContext,
): Promise<void> {
  const { path, shown } = place
  if (!isSameOwner(inode, await lstat(path))) {
    await permitted(
      () => lchown(path, inode.uid, inode.gid),
      (reason) => context.losses.add('owner', reason, shown),
    )
  }
  for (const name of await erofs.xattrNames(inode)) {
    context.losses.add('xattr', 'attributes of symlinks are not restored', shown, name)
  }
  const mtime = timeOf(inode)
  await lutimes(path, mtime, mtime)
}

async function restoreXattrs(
  erofs: Erofs,
  inode: Inode,
  descriptor: number,
  shown: string,
  { xattrs, losses }: RestoreContext,
): Promise<void> {
  for (const [name, value] of await erofs.xattrs(inode)) {
    const lose = (reason: string) => losses.add('xattr', reason, shown, name)
    if (!xattrs.available) lose(xattrs.reason)
    else await permitted(async () => xattrs.write(descriptor, name, value), lose)
  }
}

/**
 * What Node takes for a time: seconds, of which some versions drop what is below a microsecond, so
 * that the nearest number must not lie below the time meant. Negative numbers would be taken for
 * now; dates have milliseconds.
 */
function timeOf({ mtime: { seconds, nanoseconds } }: Inode): number | Date {
  if (seconds < 0) return new Date(seconds * 1000 + Math.floor(nanoseconds / 1e6))
  return nanoseconds === 0 ? seconds : seconds + nanoseconds / 1e9 + SPACING
}

/** Whether `change` was made; `lose` is told why where it was not permitted. */
async function permitted(
  change: () => Promise<void>,
  lose: (reason: string) => void,
): Promise<boolean> {
  try {
    await change()
    return true
  } catch (error) {
    const errno = errnoOf(error) ?? codeOf(error)
    if (errno === undefined || !FORBIDDEN.includes(errno)) throw error
    lose(`not permitted (${errno})`)
    return false
  }
}

/** Errors of fs-xattr carry no syscall. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function isSameOwner(inode: Inode, stat: { readonly uid: number; readonly gid: number }): boolean {
  return stat.uid === inode.uid && stat.gid === inode.gid
}
