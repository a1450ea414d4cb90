/** A small file that takes the place of one that is there, with its permissions. */

import { realpath, stat } from 'node:fs/promises'
import { toFileError } from '../files/errno.ts'
import { createOutput } from '../files/output.ts'

/** Replaces the file behind `path`, also where that is a link, whole or not at all. @throws FileError */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const { target, mode } = await findTarget(path)
  const output = await createOutput(target, { force: true, mode })
  try {
    await output.write(bytes, 0)
    await output.commit()
  } finally {
    await output.abort()
  }
}

async function findTarget(path: string) {
  try {
    const target = await realpath(path)
    return { target, mode: (await stat(target)).mode & 0o777 }
  } catch (error) {
    throw toFileError(error, { path, verb: 'write' })
  }
}
