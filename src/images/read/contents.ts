/**
 * What the file system of an image says about the extension: its hierarchies, its release files,
 * and what must not be there.
 */

import { concatAll } from '../../bytes/concat.ts'
import { sliceSource } from '../../bytes/source.ts'
import { decodeUtf8 } from '../../bytes/utf8.ts'
import { FormatError } from '../../errors.ts'
import { type Erofs, type Inode, openErofs } from '../../formats/erofs/index.ts'
import {
  type ExtensionKind,
  findReleaseFile,
  imageNameOf,
  KINDS,
  parseEnvFile,
  RELEASE_FILE_PREFIX,
  type Release,
  type ReleaseDirectoryEntry,
  type ReleaseFileLookup,
} from '../../formats/release/index.ts'
import { type Attempt, attempt } from './attempt.ts'
import { coveredSize } from './covered-size.ts'
import { type Hierarchy, readHierarchies } from './hierarchies.ts'
import type { OpenImage } from './open-image.ts'
import { followInTree, type MountedTree, resolveInTree } from './resolve-path.ts'

/** The release file of one kind. */
export interface ImageRelease {
  readonly kind: ExtensionKind
  /** The image's name as systemd takes it from the file name; undefined where there is none. */
  readonly imageName: string | undefined
  /** Which file it would read, or why none. */
  readonly lookup: ReleaseFileLookup | undefined
  /** Its path in the image and its fields. */
  readonly path: string | undefined
  readonly release: Attempt<Release> | undefined
}

export interface FilesystemContents {
  readonly erofs: Erofs
  /** Names in the root directory as it will be mounted, sorted. */
  readonly topLevel: readonly string[]
  /** Of these names, those that are merged for what the image is or should be. */
  readonly hierarchies: readonly Hierarchy[]
  /** One of each kind that the image is, or should be. */
  readonly releases: readonly ImageRelease[]
  /** What is at `/usr/lib/os-release`: a file as well as links without an end makes systemd refuse the image. */
  readonly osRelease: 'none' | 'there' | 'ELOOP'
}

/** What there is where no file is reached. */
export const OS_RELEASE_LOOP = 'the way to usr/lib/os-release leads through too many symbolic links'

/** A release file is a few lines; what is larger is something else. */
const MAX_RELEASE_SIZE = 64 * 1024
const MAX_NAMES = 10_000

/** What is in a file system, or why that could not be read. */
export type ContentsAttempt =
  | { readonly value: FilesystemContents }
  /** `isOpened`: superblock and root are sound. Linux is less strict than we are about the rest. */
  | { readonly error: FormatError; readonly isOpened: boolean }

/** Reads them, or undefined where there is no EROFS to read. */
export async function readContents(
  image: OpenImage,
  kind: ExtensionKind | undefined,
): Promise<ContentsAttempt | undefined> {
  const { data, filesystem, superblock } = image
  if (!data || filesystem !== 'erofs') return undefined
  const size = Math.min(data.size, coveredSize(data, superblock))
  const opened = await attempt(() => openErofs(sliceSource(data.source, 0, size)))
  if ('error' in opened) return { ...opened, isOpened: false }
  const read = await readTree(image, opened.value, kind)
  return 'error' in read ? { ...read, isOpened: true } : read
}

function readTree(
  { designator, fileName }: OpenImage,
  erofs: Erofs,
  kind: ExtensionKind | undefined,
): Promise<Attempt<FilesystemContents>> {
  return attempt(async () => {
    const tree = { erofs, designator }
    const kinds = kind ? [kind] : await guessKinds(fileName, tree)
    const releases: ImageRelease[] = []
    for (const each of kinds) releases.push(await readRelease(tree, each, fileName))
    const topLevel = designator === 'usr' ? ['usr'] : await listNames(erofs, erofs.root)
    const osRelease = await followInTree(tree, 'usr/lib/os-release')
    return {
      erofs,
      topLevel,
      hierarchies: await readMerged(tree, kinds, topLevel),
      releases,
      osRelease: typeof osRelease !== 'string' ? 'there' : osRelease === 'ELOOP' ? 'ELOOP' : 'none',
    }
  })
}

/**
 * What a file system has where an extension of the name `fileName` is merged.
 *
 * @throws FormatError
 */
export async function readHierarchiesOf(erofs: Erofs, fileName: string): Promise<Hierarchy[]> {
  const tree = { erofs, designator: 'root' } as const
  const kinds = await guessKinds(fileName, tree)
  return readMerged(tree, kinds, await listNames(erofs, erofs.root))
}

function readMerged(
  tree: MountedTree,
  kinds: readonly ExtensionKind[],
  topLevel: readonly string[],
): Promise<Hierarchy[]> {
  const merged = kinds.flatMap((kind) => KINDS[kind].hierarchies)
  const present = merged.filter((name) => topLevel.includes(name))
  return readHierarchies(tree, present)
}

/** What the file name says, or else which release directories there are. */
async function guessKinds(fileName: string, tree: MountedTree): Promise<ExtensionKind[]> {
  if (fileName.endsWith('.sysext.raw')) return ['sysext']
  if (fileName.endsWith('.confext.raw')) return ['confext']
  const kinds: ExtensionKind[] = []
  for (const kind of ['sysext', 'confext'] as const) {
    const directory = await resolveInTree(tree, KINDS[kind].releaseDirectory)
    if (directory?.inode.kind === 'directory') kinds.push(kind)
  }
  return kinds
}

async function readRelease(
  tree: MountedTree,
  kind: ExtensionKind,
  fileName: string,
): Promise<ImageRelease> {
  const imageName = imageNameOf(kind, fileName)
  const lookup =
    imageName === undefined
      ? undefined
      : findReleaseFile(imageName, await listReleaseFiles(tree, kind, imageName))
  const path =
    lookup && 'file' in lookup ? `${KINDS[kind].releaseDirectory}/${lookup.file}` : undefined
  const release = path === undefined ? undefined : await attempt(() => readFields(tree, path))
  return { kind, imageName, lookup, path, release }
}

/** What of the release directory systemd looks at. */
async function listReleaseFiles(
  tree: MountedTree,
  kind: ExtensionKind,
  imageName: string,
): Promise<ReleaseDirectoryEntry[]> {
  const { erofs } = tree
  const directory = await resolveInTree(tree, KINDS[kind].releaseDirectory)
  if (directory?.inode.kind !== 'directory') return []
  const entries: ReleaseDirectoryEntry[] = []
  for await (const { name: bytes, nid } of erofs.readdir(directory.inode)) {
    const name = decodeUtf8(bytes)
    if (!name?.startsWith(RELEASE_FILE_PREFIX)) continue
    if (entries.length === MAX_NAMES) throw tooMany()
    const inode = await erofs.inode(nid)
    if (inode.kind === 'file') {
      const strict = await erofs.xattr(inode, 'user.extension-release.strict')
      entries.push({ name, kind: 'file', strict: strict && decodeUtf8(strict) })
    } else if (inode.kind === 'symlink') {
      // One that has another name than the image counts for nothing, wherever it leads.
      const isExact = name === RELEASE_FILE_PREFIX + imageName
      const path = [...directory.path, name].join('/')
      const target = isExact ? (await resolveInTree(tree, path))?.inode.kind : undefined
      const leadsTo = target === undefined ? 'missing' : target === 'file' ? 'file' : 'other'
      entries.push({ name, kind: 'symlink', target: leadsTo })
    } else entries.push({ name, kind: 'other' })
  }
  return entries
}

async function readFields(tree: MountedTree, path: string): Promise<Release> {
  const found = await resolveInTree(tree, path)
  if (found?.inode.kind !== 'file') {
    throw new FormatError(path, 'BAD_VALUE', 'is not a regular file')
  }
  return parseEnvFile(await readFile(tree.erofs, found.inode, path), path)
}

async function readFile(erofs: Erofs, inode: Inode, path: string): Promise<Uint8Array> {
  if (inode.size > MAX_RELEASE_SIZE) {
    throw new FormatError(path, 'TOO_LARGE', `a release file of ${inode.size} bytes`)
  }
  const parts: Uint8Array[] = []
  for await (const part of erofs.read(inode)) parts.push(part.slice())
  return concatAll(parts)
}

/** Names that are UTF-8, without the dots, in byte order. */
async function listNames(erofs: Erofs, directory: Inode): Promise<string[]> {
  const names: string[] = []
  for await (const entry of erofs.readdir(directory)) {
    const name = decodeUtf8(entry.name)
    if (name === undefined || name === '.' || name === '..') continue
    if (names.length === MAX_NAMES) throw tooMany()
    names.push(name)
  }
  return names
}

function tooMany(): FormatError {
  return new FormatError('erofs', 'TOO_LARGE', `a directory of more than ${MAX_NAMES} names`)
}
