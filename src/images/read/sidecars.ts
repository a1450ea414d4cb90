/**
 * Files beside an image that readers look at: its root hash, the signature of that, and the hash
 * tree of an image without partition table.
 *
 * See systemd src/shared/dissect-image.c. Only `.raw` is dropped from the image's name, so
 * `foo.sysext.raw` goes with `foo.sysext.roothash`.
 */

import { existsSync } from 'node:fs'
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
}

const MAX_SIGNATURE = 4 * 1024 * 1024
const MIN_ROOT_HASH = 16

/**
 * Reads what stands beside the image `path`.
 *
 * @throws FormatError where a root hash or signature file does not hold one, FileError where a
 *   file that is there cannot be read.
 */
export async function readSidecars(path: string, designator: Designator): Promise<Sidecars> {
  const stem = path.replace(/\.raw$/, '')
  const hashPath = `${stem}.${designator}hash`
  const paths: string[] = []
  const found = async <T>(name: string, read: (name: string) => Promise<T>) => {
    const value = await ifThere(() => read(name))
    if (value !== undefined) paths.push(name)
    return value
  }
  const rootHash = await found(hashPath, async (name) => parseRootHash(await readRegularFile(name)))
  // The root partition's counts first, whichever the image has.
  const strays = designator === 'usr' ? [`${stem}.roothash`] : rootHash ? [] : [`${stem}.usrhash`]
  const stray = strays.find((name) => existsSync(name))
  const signature = await found(`${hashPath}.p7s`, async (name) => {
    const bytes = await readRegularFile(name, { maximum: MAX_SIGNATURE })
    // Without a root hash beside it readers do not look at it.
    if (bytes.length === 0 && !rootHash) return undefined
    if (bytes.length === 0) throw new FormatError('pkcs7', 'TRUNCATED', `${name} is empty`)
    return bytes
  })
  const verity = await found(`${stem}.verity`, openFileSource)
  return { paths, rootHash, stray, signature, verity }
}

/** Readers look at the first line. */
function parseRootHash(bytes: Uint8Array): Uint8Array {
  const [line = ''] = (decodeUtf8(bytes) ?? '?').split('\n', 1)
  const hash = fromHex(line.trim())
  if (hash && hash.length >= MIN_ROOT_HASH) return hash
  throw new FormatError('root hash', 'BAD_VALUE', 'file does not hold a hexadecimal root hash')
}

async function ifThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof FileError)) throw error
    // No file has a name that is too long.
    const isNone = error.code === 'NOT_FOUND' || errnoOf(error.cause) === 'ENAMETOOLONG'
    if (isNone) return undefined
    throw error
  }
}
