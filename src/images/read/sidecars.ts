/**
 * Files beside an image that readers look at: its root hash, the signature of that, and the hash
 * tree of an image without partition table.
 *
 * See systemd src/shared/dissect-image.c. Only `.raw` is dropped from the image's name, so
 * `foo.sysext.raw` goes with `foo.sysext.roothash`.
 */

import { existsSync, statSync } from 'node:fs'
import { fromHex } from '../../bytes/hex.ts'
import { decodeUtf8 } from '../../bytes/utf8.ts'
import { FileError, FormatError } from '../../errors.ts'
import { errnoOf } from '../../files/errno.ts'
import { type FileSource, openFileSource } from '../../files/file-source.ts'
import { readRegularFile } from '../../files/text.ts'
import type { Designator } from '../../formats/gpt/index.ts'

export interface Sidecars {
  /** Paths of the files that are there. */
  readonly paths: readonly string[]
  readonly rootHash: Uint8Array | undefined
  /** A file with the root hash of another partition than the image has, which readers then want. */
  readonly stray: string | undefined
  /** PKCS#7 message, DER. */
  readonly signature: Uint8Array | undefined
  /** Superblock and hash tree; close it. */
  readonly verity: FileSource | undefined
  /** What is there and does not hold what its name says. */
  readonly defects: readonly SidecarDefect[]
}

export interface SidecarDefect {
  readonly role: 'root hash' | 'signature' | 'hash tree'
  readonly path: string
  /** What was found there. */
  readonly fact: string
  /** What systemd says of it where it reads it; undefined where that is not known here. */
  readonly code: 'EINVAL' | 'EISDIR' | 'ELOOP' | undefined
  /** False where readers pass it by: only a root hash makes them look at what goes with it. */
  readonly isRead: boolean
}

const MAX_SIGNATURE = 4 * 1024 * 1024
const MIN_ROOT_HASH = 16

/** Reads what stands beside the image `path`. */
export async function readSidecars(path: string, designator: Designator): Promise<Sidecars> {
  const stem = path.replace(/\.raw$/, '')
  const hashPath = `${stem}.${designator}hash`
  const paths: string[] = []
  const defects: SidecarDefect[] = []
  const found = async <T>(
    role: SidecarDefect['role'],
    name: string,
    read: (name: string) => Promise<T>,
  ) => {
    const value = await readOrExplain(name, read)
    if (value === 'absent') return undefined
    paths.push(name)
    if (!('fact' in value)) return value.read
    defects.push({
      role,
      path: name,
      ...value,
      isRead: role === 'root hash' || paths.includes(hashPath),
    })
    return undefined
  }
  const rootHash = await found('root hash', hashPath, readRootHash)
  // The root partition's counts first, whichever the image has.
  const isStated = paths.length > 0
  const strays = designator === 'usr' ? [`${stem}.roothash`] : isStated ? [] : [`${stem}.usrhash`]
  const stray = strays.find((name) => existsSync(name))
  if (stray) await found('root hash', stray, readRootHash)
  const signature = await found('signature', `${hashPath}.p7s`, async (name) => {
    const bytes = await readRegularFile(name, { maximum: MAX_SIGNATURE })
    if (bytes.length === 0) throw new FormatError('pkcs7', 'TRUNCATED', 'no bytes')
    return bytes
  })
  const verity = await found('hash tree', `${stem}.verity`, openFileSource)
  return { paths, rootHash, stray, signature, verity, defects }
}

/** The path of the hash tree, also of one that cannot be read. */
export function verityPath({ verity, defects }: Sidecars): string | undefined {
  return verity?.path ?? defects.find(({ role }) => role === 'hash tree')?.path
}

/** Readers look at the first line. */
async function readRootHash(path: string): Promise<Uint8Array> {
  const bytes = await readRegularFile(path)
  const [line = ''] = (decodeUtf8(bytes) ?? '?').split('\n', 1)
  const hash = fromHex(line.trim())
  if (hash && hash.length >= MIN_ROOT_HASH) return hash
  const message = `no ${2 * MIN_ROOT_HASH} or more hexadecimal digits in the first line`
  throw new FormatError('root hash', 'BAD_VALUE', message)
}

/** What `read` makes of a file, `absent` where there is none, or why it is not what it should be. */
async function readOrExplain<T>(
  path: string,
  read: (path: string) => Promise<T>,
): Promise<'absent' | { readonly read: T } | Omit<SidecarDefect, 'role' | 'path' | 'isRead'>> {
  try {
    return { read: await read(path) }
  } catch (error) {
    if (error instanceof FormatError) return { fact: error.fact, code: 'EINVAL' }
    if (!(error instanceof FileError)) throw error
    const errno = errnoOf(error.cause)
    // No file has a name that is too long.
    if (error.code === 'NOT_FOUND' || errno === 'ENAMETOOLONG') return 'absent'
    if (error.code === 'EMPTY') return { fact: 'no bytes', code: 'EINVAL' }
    if (errno === 'ELOOP') return { fact: 'too many symbolic links', code: 'ELOOP' }
    return { fact: error.message, code: isDirectory(path) ? 'EISDIR' : undefined }
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
