/** The file system in an image, for reading. */

import { FormatError, ImageError } from '../../errors.ts'
import { type Erofs, openErofs } from '../../formats/erofs/index.ts'
import type { OpenImage } from './open-image.ts'

/** An image's file system and the path at which it belongs. */
export interface ImageFilesystem {
  readonly erofs: Erofs
  /** `usr` for the content of a usr partition, otherwise empty. */
  readonly mountPoint: '' | 'usr'
}

/**
 * The file system of `image`, which stays open as long as it is used.
 *
 * @throws ImageError NOT_FOUND where there is none; FormatError where it is not one we can read.
 */
export async function openFilesystem(image: OpenImage): Promise<ImageFilesystem> {
  const { data, filesystem, disguise, path, designator } = image
  if (!data) {
    throw new ImageError('NOT_FOUND', `${path} has no partition with a root or usr tree`)
  }
  if (disguise) {
    const { found, offset } = disguise
    throw new FormatError('file system', 'BAD_VALUE', `${path} holds ${found}`, {
      offset,
      hint: 'what would be shown is not what a machine mounts',
    })
  }
  switch (filesystem) {
    case 'erofs':
      return {
        erofs: await openErofs(data.source),
        mountPoint: designator === 'usr' ? 'usr' : '',
      }
    case 'squashfs':
      throw new FormatError('squashfs', 'UNSUPPORTED', `files in ${path} cannot be read`, {
        hint: 'unsquashfs reads squashfs; extsign reads EROFS and can verify both',
      })
    case undefined:
      throw new FormatError('file system', 'UNSUPPORTED', `${path} holds one that is not known`)
  }
}
