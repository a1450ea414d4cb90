/**
 * Unpacks an image into a folder, whole or not at all, and never outside of it.
 *
 * Everything is written below a new folder beside the target that only we can enter, and moved out
 * of it when it is complete. See `folder-output.ts`.
 */

import { lstat, readdir, realpath } from 'node:fs/promises'
import { FileError, ImageError } from '../errors.ts'
import { errnoOf, toFileError } from '../files/errno.ts'
import { createFolder, removeStaleFolders } from '../files/folder-output.ts'
import { openXattrWriter } from '../tree/xattr-writer.ts'
import { openFilesystem } from './read/open-filesystem.ts'
import { type OpenImage, openImage } from './read/open-image.ts'
import { type Loss, LossList } from './unpack/losses.ts'
import { type UnpackCounts, writeTree } from './unpack/write-tree.ts'

export interface UnpackOptions {
  /** The image: a partition table with a root or usr tree, or a bare EROFS. */
  readonly image: string
  /** The folder to make. It may exist if it is empty. */
  readonly directory: string
  /**
   * Examines the image first; whatever is not `ok` keeps it packed. Pass `verifyImage`'s findings,
   * or false to unpack what nobody has vouched for.
   */
  readonly verify: Verifier | false
  /** Keep set-user-ID and set-group-ID even on files that end up with another owner. */
  readonly keepSetId?: boolean
  /**
   * Most bytes of content, targets of symlinks and values of attributes written before the rest is
   * refused. Default 64 GiB.
   */
  readonly maximumSize?: number
  readonly onProgress?: (progress: UnpackProgress) => void
}

/** Answers what is right and wrong with an image. */
export type Verifier = (
  image: string,
) => Promise<readonly { readonly check: string; readonly ok: boolean }[]>

export interface UnpackProgress {
  /** Entries written. */
  readonly done: number
  /** Inodes the file system says it has; hard links make `done` exceed it. */
  readonly total: number
}

export interface UnpackResult extends UnpackCounts {
  readonly directory: string
  /** What is not as in the image, and why. Empty when everything was restored. */
  readonly losses: readonly Loss[]
}

const DEFAULT_MAXIMUM_SIZE = 64 * 1024 ** 3

/**
 * Unpacks `options.image` into `options.directory`.
 *
 * Restored are content, holes, modes, modification times to the microsecond, symlinks and hard
 * links; owners and extended attributes where the host permits. Node cannot make devices, fifos
 * and sockets. What could not be restored is told in the result.
 *
 * @throws ImageError NOT_VERIFIED, TOO_LARGE, UNSAFE_PATH; FormatError where the image is not
 *   sound; FileError EXISTS where the folder is not empty, and where something cannot be written.
 */
export async function unpackImage(options: UnpackOptions): Promise<UnpackResult> {
  await removeStaleFolders(options.directory)
  const target = await findTarget(options.directory)
  await assertVerified(options)
  const image = await openImage(options.image)
  try {
    return await unpackOpened(image, target, options)
  } finally {
    await image.close()
  }
}

async function unpackOpened(
  image: OpenImage,
  target: string,
  options: UnpackOptions,
): Promise<UnpackResult> {
  const { erofs, mountPoint } = await openFilesystem(image)
  const folder = await createFolder(target)
  try {
    const losses = new LossList()
    const counts = await writeTree(erofs, folder, mountPoint, {
      losses,
      target: options.directory,
      xattrs: await openXattrWriter(),
      keepSetId: options.keepSetId ?? false,
      maximumSize: options.maximumSize ?? DEFAULT_MAXIMUM_SIZE,
      onEntry: (done) => options.onProgress?.({ done, total: Number(erofs.superblock.inos) }),
    })
    await folder.commit().catch((error) => {
      const isOccupied = error instanceof FileError && error.code === 'EXISTS'
      throw isOccupied ? occupied(options.directory) : error
    })
    return { directory: options.directory, ...counts, losses: losses.list() }
  } finally {
    await folder.abort()
  }
}

/** The path to rename to: `directory`, or the empty folder it stands for. */
async function findTarget(directory: string): Promise<string> {
  try {
    const stat = await lstat(directory)
    if (!stat.isDirectory()) {
      throw new FileError('EXISTS', `${directory} exists and is not a folder`)
    }
    if ((await readdir(directory)).length > 0) throw occupied(directory)
    return await realpath(directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return directory
    throw toFileError(error, { path: directory, verb: 'read' })
  }
}

async function assertVerified({ image, verify }: UnpackOptions): Promise<void> {
  if (!verify) return
  const failed = (await verify(image)).filter(({ ok }) => !ok).map(({ check }) => check)
  if (failed.length === 0) return
  const names = [...new Set(failed)].join(', ')
  throw new ImageError('NOT_VERIFIED', `${image} does not verify: ${names}`, {
    hint: 'extsign verify says more',
  })
}

function occupied(directory: string): FileError {
  return new FileError('EXISTS', `${directory} is not empty`, {
    hint: 'unpack into a new folder',
  })
}
