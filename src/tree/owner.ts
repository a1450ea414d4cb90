/** Numbers of users and groups. */

import { TreeError } from '../errors.ts'
import type { DirectoryNode } from './model.ts'
import { walkTree } from './walk.ts'

/**
 * The number above all owners: chown(2) takes it for "leave it as it is". Linux mounts an inode that
 * has it, shows 65534 in its place and ignores set-user-ID and set-group-ID there.
 */
export const NO_OWNER = 0xffff_ffff

/** Whether a user or group can have this number. */
export function isOwner(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id < NO_OWNER
}

/** @throws TreeError UNSUPPORTED naming the first path whose owner is none. */
export function assertOwners(tree: DirectoryNode): void {
  for (const { path, node } of walkTree(tree)) {
    const { uid, gid } = node.metadata
    if (isOwner(uid) && isOwner(gid)) continue
    const message = `${path} belongs to ${uid}:${gid}, and no user or group can have the number ${isOwner(uid) ? gid : uid}`
    throw new TreeError('UNSUPPORTED', message, { hint: 'build without --preserve-owner' })
  }
}
