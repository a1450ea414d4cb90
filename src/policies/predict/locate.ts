/** Where a file of this host is on the ESP. */

import { realpath } from 'node:fs/promises'
import { isAbsolute, relative, sep } from 'node:path'
import { PolicyError } from '../../errors.ts'
import { toFileError } from '../../files/errno.ts'
import { type EspPath, parseEspPath } from './extra-folder.ts'

/**
 * The path of `file` on the ESP in the folder `esp`.
 *
 * @param given the path, where the file is somewhere else
 * @throws PolicyError INPUT_NEEDED where it is not below the folder and no path is given, BAD_PATH
 */
export async function locateOnEsp(
  file: string,
  esp: string,
  given: string | undefined,
): Promise<EspPath> {
  if (given !== undefined) return parseEspPath(given)
  const path = relative(await resolve(esp), await resolve(file))
  if (path !== '' && !isAbsolute(path) && path.split(sep)[0] !== '..') {
    return parseEspPath(path.split(sep).join('/'))
  }
  throw new PolicyError('INPUT_NEEDED', `${file} is not below ${esp}`, {
    hint: 'say with --uki-path where on the ESP it will be: /EFI/Linux/linux.efi',
  })
}

async function resolve(path: string): Promise<string> {
  return realpath(path).catch((error) => {
    throw toFileError(error, { path, verb: 'read' })
  })
}
