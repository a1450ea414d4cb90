/**
 * The one step that makes a tree say the same wherever and by whomever it was unpacked.
 *
 * - Owners become 0:0 unless they are asked to stay.
 * - Times later than the source date become the source date; older ones are kept.
 * - Modes are content and stay: 0600, 0440, set-uid and sticky bits are what somebody meant. Two
 *   things are not content. A symbolic link has no mode, so it is 0777, which Linux shows. And once
 *   the group is root, group write says nothing but that the umask was 002: it is cleared from
 *   files and directories, unless all others may write too.
 * - The top is the folder itself, whose mode, owner and time are an accident of where it was made
 *   (0700 for a temporary folder): it is always 0755, 0:0 and of the source date.
 *
 * A umask of 077 cannot be told from files meant to be secret; `findWarnings` points at the
 * directories it closed. The umask of the build itself has no influence on anything.
 */

import { mapMetadata } from './map-metadata.ts'
import type { DirectoryNode, Metadata, Time, TreeNode } from './model.ts'

export interface NormalizeOptions {
  /** Newest time stored, in seconds since the epoch. */
  readonly sourceDateEpoch: number
  /** Keep owners, and with them group write permission. */
  readonly preserveOwner?: boolean | undefined
}

/** The reproducible form of `tree`; the same tree again when it has that form already. */
export function normalizeTree(tree: DirectoryNode, options: NormalizeOptions): DirectoryNode {
  const epoch = epochTime(options.sourceDateEpoch)
  const owned = options.preserveOwner ?? false
  const intern = internMetadata()
  return mapMetadata(tree, (node) => {
    const { uid, gid, mtime, xattrs } = node.metadata
    if (node === tree) return { mode: 0o755, uid: 0, gid: 0, mtime: epoch, xattrs }
    return intern({
      mode: normalMode(node, owned),
      uid: owned ? uid : 0,
      gid: owned ? gid : 0,
      mtime: isLater(mtime, epoch) ? epoch : mtime,
      xattrs,
    })
  })
}

/** The source date as a time. @throws RangeError where it is not a count of seconds. */
export function epochTime(sourceDateEpoch: number): Time {
  if (!Number.isSafeInteger(sourceDateEpoch) || sourceDateEpoch < 0) {
    throw new RangeError(`source date ${sourceDateEpoch} is not a count of seconds`)
  }
  return { seconds: sourceDateEpoch, nanoseconds: 0 }
}

function normalMode(node: TreeNode, owned: boolean): number {
  const { mode } = node.metadata
  if (node.kind === 'symlink') return 0o777
  if (owned || (node.kind !== 'file' && node.kind !== 'directory')) return mode
  // With an access list these bits are its mask, and belong to it.
  if (node.metadata.xattrs.has('system.posix_acl_access')) return mode
  return mode & 0o002 ? mode : mode & ~0o020
}

function isLater(time: Time, than: Time): boolean {
  if (time.seconds !== than.seconds) return time.seconds > than.seconds
  return time.nanoseconds > than.nanoseconds
}

/** One object for all nodes that say the same: a normal tree has few different metadata. */
function internMetadata(): (metadata: Metadata) => Metadata {
  const known = new Map<string, Metadata>()
  return (metadata) => {
    if (metadata.xattrs.size > 0) return metadata
    const { mode, uid, gid, mtime } = metadata
    const key = `${mode} ${uid} ${gid} ${mtime.seconds} ${mtime.nanoseconds}`
    const first = known.get(key)
    if (first) return first
    known.set(key, metadata)
    return metadata
  }
}
