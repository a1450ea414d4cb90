/**
 * Certificates in `verity.d` directories, chosen as systemd chooses them (UAPI configuration
 * drop-ins, `src/shared/dissect-image.c`): `*.crt`, regular files, PEM, the first certificate.
 * systemd looks below /etc, /run, /usr/local/lib and /usr/lib, the first being the strongest.
 */

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { compareBytes } from '../bytes/equal.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { KeyError } from '../errors.ts'
import { errnoOf } from '../files/errno.ts'
import { type LoadedCertificate, loadCertificate } from './certificate.ts'

/** What the directories hold, and what in them does not count. */
export interface TrustStore {
  /** In the order in which systemd reads them. */
  readonly certificates: readonly LoadedCertificate[]
  readonly ignored: readonly { readonly path: string; readonly reason: string }[]
}

/**
 * Reads trust directories, the strongest first: a file hides those of the same name in later
 * directories, and a symlink to /dev/null or an empty file hides them without being a certificate.
 *
 * @param allowMissing treat directories that do not exist as empty
 * @throws KeyError NOT_FOUND, UNREADABLE for a directory; a file that cannot be used is reported.
 */
export async function readTrustDirectories(
  directories: readonly string[],
  { allowMissing = false }: { readonly allowMissing?: boolean } = {},
): Promise<TrustStore> {
  const ignored: { path: string; reason: string }[] = []
  const chosen = new Map<string, string>()
  for (const directory of directories) {
    for (const name of await listDirectory(directory, allowMissing)) {
      const path = join(directory, name)
      const winner = chosen.get(name)
      const reason = !name.endsWith('.crt')
        ? 'its name does not end in .crt'
        : winner !== undefined
          ? `${winner} hides it`
          : await findIrregularity(path)
      if (reason === undefined || reason === MASKED) chosen.set(name, path)
      if (reason !== undefined) ignored.push({ path, reason })
    }
  }

  const certificates: LoadedCertificate[] = []
  const masks = new Set(ignored.flatMap(({ path, reason }) => (reason === MASKED ? [path] : [])))
  const paths = [...chosen].sort(([a], [b]) => compareBytes(encodeUtf8(a), encodeUtf8(b)))
  for (const [, path] of paths) {
    if (masks.has(path)) continue
    try {
      const certificate = await loadCertificate(path)
      if (certificate.encoding === 'pem') certificates.push(certificate)
      else ignored.push({ path, reason: 'it is DER, and systemd reads PEM only' })
    } catch (error) {
      if (!(error instanceof KeyError)) throw error
      ignored.push({ path, reason: error.message })
    }
  }
  return { certificates, ignored }
}

const MASKED = 'it is empty: a mask'

async function listDirectory(path: string, allowMissing: boolean): Promise<string[]> {
  try {
    return (await readdir(path)).sort((a, b) => compareBytes(encodeUtf8(a), encodeUtf8(b)))
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === undefined) throw error
    if (errno === 'ENOENT' && allowMissing) return []
    if (errno === 'ENOENT') {
      throw new KeyError('NOT_FOUND', `trust directory ${path} does not exist`, { cause: error })
    }
    const fact = errno === 'ENOTDIR' ? 'it is not a directory' : errno
    throw new KeyError('UNREADABLE', `cannot read trust directory ${path}: ${fact}`, {
      cause: error,
    })
  }
}

async function findIrregularity(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path)
    // /dev/null by its device number on Linux: any empty device will do here.
    if (found.isCharacterDevice() || (found.isFile() && found.size === 0)) return MASKED
    return found.isFile() ? undefined : 'it is not a regular file'
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === undefined) throw error
    return errno === 'ENOENT' ? 'it is a dangling symlink' : `it cannot be read (${errno})`
  }
}
