/**
 * A finished image is what systemd mounts, whatever bytes of the tree stand where.
 *
 * A file in the tree may hold the magic of another file system just where libblkid looks for one,
 * and then systemd mounts that or nothing.
 */

import { cachedSource } from '../../bytes/cached-source.ts'
import { sliceSource } from '../../bytes/source.ts'
import { FormatError } from '../../errors.ts'
import { openFileSource } from '../../files/file-source.ts'
import { type FoundType, probe } from '../../formats/probe/index.ts'
import { findDisguise } from '../read/probe-image.ts'

/** Where the file system lies in the image. */
export interface FilesystemPlace {
  readonly offset: number
  readonly size: number
  /** Of the partition, which may be larger. */
  readonly partitionSize: number
}

/**
 * Looks at an image that has all but its partition table.
 *
 * @throws FormatError BAD_VALUE where libblkid finds, or may find, something else in it.
 */
export async function assertMountable(path: string, place: FilesystemPlace): Promise<void> {
  const { offset, size, partitionSize } = place
  const output = await openFileSource(path)
  try {
    const file = cachedSource(output)
    const partition = await probe(sliceSource(file, offset, partitionSize), false)
    const mounted = await probe(sliceSource(file, offset, size), true)
    const probes = { whole: await probe(file, true), partition, mounted }
    const disguise = findDisguise(probes, offset)
    if (disguise) throw refuse(disguise.found, disguise.offset)
  } finally {
    await output.close()
  }
}

/** Several types in one file. */
export function ambivalent(types: readonly FoundType[], path: string): FormatError {
  const names = types.map(({ name }) => name).join(' and ')
  return refuse(`${path} is ${names} at once`, types[0]?.offset)
}

function refuse(found: string, offset: number | undefined): FormatError {
  return new FormatError('file system', 'BAD_VALUE', found, {
    ...(offset !== undefined && { offset }),
    hint: 'systemd would mount something else, or nothing: change what stands there',
  })
}
