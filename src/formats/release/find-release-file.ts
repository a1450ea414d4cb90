/**
 * Which file of an image's release directory systemd reads (`open_extension_release_at` in
 * systemd's `src/shared/extension-util.c`), decided on a listing.
 */

import { parseBoolean } from './booleans.ts'
import { baseNameOf, isImageName, RELEASE_FILE_PREFIX } from './names.ts'

/** One entry of the image's `extension-release.d`. */
export interface ReleaseDirectoryEntry {
  readonly name: string
  readonly kind: 'file' | 'symlink' | 'other'
  /** What a symlink leads to inside the image. */
  readonly target?: 'file' | 'missing' | 'other'
  /** Value of the xattr `user.extension-release.strict`. */
  readonly strict?: string | undefined
}

/** Files that a message names. */
const SHOWN = 10

export type ReleaseFileRule = 'exact-name' | 'base-name' | 'not-strict' | 'relaxed'

export type ReleaseFileLookup =
  | { readonly file: string; readonly rule: ReleaseFileRule }
  | {
      readonly problem: 'missing' | 'ambiguous' | 'not-a-file'
      /** The files at fault, sorted. */
      readonly files: readonly string[]
      readonly explanation: string
    }

export interface ReleaseFileOptions {
  /** Whether a name without version is accepted, as since systemd 256. Default true. */
  readonly baseName?: boolean
  /** Mount option `x-systemd.relax-extension-release-check`. Default false. */
  readonly relaxed?: boolean
}

/** The file systemd reads for an image called `imageName`, or why it finds none. */
export function findReleaseFile(
  imageName: string,
  entries: readonly ReleaseDirectoryEntry[],
  options: ReleaseFileOptions = {},
): ReleaseFileLookup {
  const wanted = RELEASE_FILE_PREFIX + imageName
  const exact = entries.find((entry) => entry.name === wanted)
  if (exact && exact.target !== 'missing') {
    const readable = (exact.kind === 'symlink' ? exact.target : exact.kind) === 'file'
    if (readable) return { file: wanted, rule: 'exact-name' }
    const explanation = `${wanted} is not a regular file`
    return { problem: 'not-a-file', files: [wanted], explanation }
  }
  const candidates = entries
    .filter(({ name, kind }) => kind === 'file' && releaseNameOf(name) !== undefined)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const accepted = candidates.flatMap((entry) => {
    const rule = acceptedBy(entry, imageName, options)
    return rule ? [{ file: entry.name, rule }] : []
  })
  if (accepted.length > 1) {
    const files = accepted.map(({ file }) => file)
    const explanation = `${someOf(files).join(' and ')} both fit the image name ${imageName}`
    return { problem: 'ambiguous', files, explanation }
  }
  return accepted[0] ?? missing(imageName, candidates, options)
}

function acceptedBy(
  entry: ReleaseDirectoryEntry,
  imageName: string,
  { baseName = true, relaxed = false }: ReleaseFileOptions,
): ReleaseFileRule | undefined {
  if (relaxed) return 'relaxed'
  if (baseName && releaseNameOf(entry.name) === baseNameOf(imageName)) return 'base-name'
  return entry.strict !== undefined && parseBoolean(entry.strict) === false
    ? 'not-strict'
    : undefined
}

function missing(
  imageName: string,
  candidates: readonly ReleaseDirectoryEntry[],
  { baseName = true }: ReleaseFileOptions,
): ReleaseFileLookup {
  const base = baseNameOf(imageName)
  const wanted =
    baseName && base && base !== imageName
      ? `${imageName} or ${RELEASE_FILE_PREFIX}${base}`
      : imageName
  const files = candidates.map(({ name }) => name)
  const there = files.length > 0 ? `the image carries ${someOf(files).join(', ')}; ` : ''
  const explanation = `${there}systemd looks for ${RELEASE_FILE_PREFIX}${wanted}`
  return { problem: 'missing', files, explanation }
}

/** The first ones, and how many others there are. */
function someOf(files: readonly string[]): readonly string[] {
  const rest = files.length - SHOWN
  return rest > 0 ? [...files.slice(0, SHOWN), `${rest} more`] : files
}

/** The image name a file's name is meant for, or undefined where it is not one. */
function releaseNameOf(name: string): string | undefined {
  if (!name.startsWith(RELEASE_FILE_PREFIX)) return undefined
  const imageName = name.slice(RELEASE_FILE_PREFIX.length)
  return isImageName(imageName) ? imageName : undefined
}
