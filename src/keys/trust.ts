/**
 * Certificates in `verity.d` directories, chosen as systemd chooses them (UAPI configuration
 * drop-ins, `src/shared/dissect-image.c`): `*.crt`, not hidden, regular files, PEM, the first
 * certificate.
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
  readonly ignored: readonly IgnoredFile[]
}

export interface IgnoredFile {
  readonly path: string
  /** Something about its name, a file of that name in a stronger directory, or the file itself. */
  readonly cause: 'name' | 'override' | 'mask' | 'file'
  readonly reason: string
}

/** Where systemd looks below a root, the strongest first. */
export const VERITY_DIRECTORIES = [
  'etc/verity.d',
  'run/verity.d',
  'usr/local/lib/verity.d',
  'usr/lib/verity.d',
] as const

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
  const ignored: IgnoredFile[] = []
  const chosen = new Map<string, string>()
  for (const directory of directories) {
    for (const name of await listDirectory(directory, allowMissing)) {
      const path = join(directory, name)
      const problem = await findProblem(path, name, chosen.get(name))
      if (problem === undefined || problem.cause === 'mask') chosen.set(name, path)
      if (problem !== undefined) ignored.push({ path, ...problem })
    }
  }

  const certificates: LoadedCertificate[] = []
  const masks = new Set(ignored.flatMap(({ path, cause }) => (cause === 'mask' ? [path] : [])))
  const paths = [...chosen].sort(([a], [b]) => compareBytes(encodeUtf8(a), encodeUtf8(b)))
  for (const [, path] of paths) {
    if (masks.has(path)) continue
    try {
      const certificate = await loadCertificate(path)
      if (certificate.encoding === 'pem') certificates.push(certificate)
      else ignored.push({ path, cause: 'file', reason: 'it is DER, and systemd reads PEM only' })
    } catch (error) {
      if (!(error instanceof KeyError)) throw error
      ignored.push({ path, cause: 'file', reason: error.message })
    }
  }
  return { certificates, ignored }
}

type Problem = Omit<IgnoredFile, 'path'>

async function findProblem(
  path: string,
  name: string,
  winner: string | undefined,
): Promise<Problem | undefined> {
  if (!name.endsWith('.crt')) return { cause: 'name', reason: 'its name does not end in .crt' }
  if (name.startsWith('.')) return { cause: 'name', reason: 'its name starts with a dot' }
  if (winner !== undefined) return { cause: 'override', reason: `${winner} hides it` }
  return findIrregularity(path)
}

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

async function findIrregularity(path: string): Promise<Problem | undefined> {
  const unusable = (reason: string): Problem => ({ cause: 'file', reason })
  try {
    const found = await stat(path)
    // /dev/null by its device number on Linux: any empty device will do here.
    if (found.isCharacterDevice() || (found.isFile() && found.size === 0)) {
      return { cause: 'mask', reason: 'it is empty: a mask' }
    }
    return found.isFile() ? undefined : unusable('it is not a regular file')
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === undefined) throw error
    return unusable(
      errno === 'ENOENT' ? 'it is a dangling symlink' : `it cannot be read (${errno})`,
    )
  }
}
