/** Owner, attributes, mode and times of what was just written, as far as the host permits. */

import { type FileHandle, lchown, lstat, lutimes } from 'node:fs/promises'
import { errnoOf } from '../../files/errno.ts'
import type { Erofs, Inode } from '../../formats/erofs/index.ts'
import { isOwner, NO_OWNER } from '../../tree/owner.ts'
import type { XattrWriter } from '../../tree/xattr-writer.ts'
import type { LossList } from './losses.ts'

export interface RestoreContext {
  readonly losses: LossList
  readonly xattrs: XattrWriter
  /** Keep set-user-ID and set-group-ID where the owner could not be restored. */
  readonly keepSetId: boolean
  /** Told of bytes before they are written; throws where they are too many. */
  readonly spend: (bytes: number) => void
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
    (await changeOwner(inode, shown, context, async () => {
      await handle.chown(inode.uid, inode.gid)
      return handle.stat()
    }))
  await restoreXattrs(erofs, inode, handle.fd, shown, context)
  const permissions = inode.mode & 0o7777
  // With an owner that is none the bits mean nothing, and with any other they would mean it.
  const keepsSetId = isOwned || (context.keepSetId && hasOwner(inode))
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
    await changeOwner(inode, shown, context, async () => {
      await lchown(path, inode.uid, inode.gid)
      return lstat(path)
    })
  }
  for (const name of await erofs.xattrNames(inode)) {
    context.losses.add('xattr', 'attributes of symlinks are not restored', shown, name)
  }
  const mtime = timeOf(inode)
  await lutimes(path, mtime, mtime)
}

/** Whether the owner is the one of `inode` after `change`, which returns what the host says then. */
async function changeOwner(
  inode: Inode,
  shown: string,
  { losses }: RestoreContext,
  change: () => Promise<Owner>,
): Promise<boolean> {
  const lose = (reason: string) => losses.add('owner', reason, shown)
  if (!hasOwner(inode)) {
    lose(`no user or group can have the number ${NO_OWNER}`)
    return false
  }
  let isChanged = false
  const isPermitted = await permitted(async () => {
    isChanged = isSameOwner(inode, await change())
  }, lose)
  // Some file systems (FAT, network shares) take every owner and keep their own.
  if (isPermitted && !isChanged) lose('the file system keeps another one')
  return isChanged
}

async function restoreXattrs(
  erofs: Erofs,
  inode: Inode,
  descriptor: number,
  shown: string,
  { xattrs, losses, spend }: RestoreContext,
): Promise<void> {
  for (const [name, value] of await erofs.xattrs(inode)) {
    spend(value.length)
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

interface Owner {
  readonly uid: number
  readonly gid: number
}

function hasOwner({ uid, gid }: Owner): boolean {
  return isOwner(uid) && isOwner(gid)
}

function isSameOwner(inode: Owner, stat: Owner): boolean {
  return stat.uid === inode.uid && stat.gid === inode.gid
}
