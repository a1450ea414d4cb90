/**
 * The one home of read(2). libuv starts every call again that a signal has interrupted, but not this
 * one (`uv__fs_work`), so EINTR of a file system that can be interrupted (FUSE, NFS) would look like
 * a file that cannot be read.
 *
 * Like read(2), each function may read less than there is room for, and reads nothing at the end.
 * Each throws what the system throws.
 */

import { read, readSync, readvSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { errnoOf } from './errno.ts'

const readAsync = promisify(read)

/** Reads into `target` what `file` has at `position`, and returns how many bytes that were. */
export function readAt(file: number, target: Uint8Array, position: number): number {
  return again(() => readSync(file, target, 0, target.length, position))
}

/** {@link readAt} for several targets, one behind the other. */
export function readvAt(file: number, targets: readonly Uint8Array[], position: number): number {
  return again(() => readvSync(file, targets, position))
}

/** {@link readAt} of a descriptor, while this thread does something else. */
export async function readDescriptor(
  file: number,
  target: Uint8Array,
  position: number,
): Promise<number> {
  return againLater(() => readAsync(file, target, 0, target.length, position))
}

/**
 * {@link readDescriptor} for a handle.
 *
 * @param position null reads on where the last read ended
 */
export async function readHandle(
  handle: FileHandle,
  target: Uint8Array,
  position: number | null,
): Promise<number> {
  return againLater(() => handle.read(target, 0, target.length, position))
}

function again(attempt: () => number): number {
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (errnoOf(error) !== 'EINTR') throw error
    }
  }
}

async function againLater(attempt: () => Promise<{ readonly bytesRead: number }>): Promise<number> {
  for (;;) {
    try {
      return (await attempt()).bytesRead
    } catch (error) {
      if (errnoOf(error) !== 'EINTR') throw error
    }
  }
}
