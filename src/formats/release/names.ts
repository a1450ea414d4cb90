/**
 * Names of images and of the release file inside them (UAPI.4; systemd
 * `src/shared/discover-image.c` and `extension-util.c`).
 *
 * An image called `foo` is the file `foo.raw` or `foo.sysext.raw`, or what is newest in a folder
 * `foo.raw.v/`. It must hold `extension-release.foo`, or one named like the part of the image name
 * in front of the first `_` or `+`.
 */

import { encodeUtf8 } from '../../bytes/utf8.ts'
import { ImageError } from '../../errors.ts'
import { type ExtensionKind, KINDS } from './kind.ts'
import { isText } from './text.ts'

/** What the release file's own name starts with. */
export const RELEASE_FILE_PREFIX = 'extension-release.'

/** Longest file name Linux has, in bytes. */
const NAME_MAX = 255

/** Why systemd would not accept `name` as the name of an image, or undefined where it would. */
export function findNameProblem(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (name === '.' || name === '..') return 'is a directory reference'
  if (name.includes('/')) return 'has a slash'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what systemd refuses
  if (/[\0-\x1f\x7f]/.test(name)) return 'has a control character'
  if (!isText(name)) return 'is not valid UTF-8'
  if (name.startsWith('.#')) return 'starts with .#, the mark of a temporary file'
  const size = encodeUtf8(name).length
  if (size > NAME_MAX) return `is ${size} bytes long, the limit is ${NAME_MAX}`
  return undefined
}

/** Whether systemd accepts `name` as the name of an image. */
export function isImageName(name: string): boolean {
  return findNameProblem(name) === undefined
}

/**
 * Path of the release file inside an image, without a leading slash.
 *
 * @throws ImageError BAD_NAME where `name` is no image name, or too long for this file's name.
 */
export function extensionReleasePath(kind: ExtensionKind, name: string): string {
  const problem = findNameProblem(name) ?? findNameProblem(RELEASE_FILE_PREFIX + name)
  if (problem) throw new ImageError('BAD_NAME', `image name ${JSON.stringify(name)} ${problem}`)
  return `${KINDS[kind].releaseDirectory}/${RELEASE_FILE_PREFIX}${name}`
}

/**
 * The image name systemd (255 or later) takes from the last component of a path: a `.raw` file, a
 * `.v` folder of versions, or a directory used as an image. Undefined where no name is left.
 */
export function imageNameOf(kind: ExtensionKind, component: string): string | undefined {
  const versioned = dropSuffix(component.replace(/\/$/, ''), '.v')
  const file = dropSuffix(versioned, '.raw')
  const name = file === versioned ? file : dropSuffix(file, `.${kind}`)
  return isImageName(name) ? name : undefined
}

/** What is in front of the first `_` or `+` of an image name: the name without its version. */
export function baseNameOf(imageName: string): string {
  return imageName.split(/[_+]/, 1)[0] ?? ''
}

function dropSuffix(text: string, suffix: string): string {
  return text.endsWith(suffix) ? text.slice(0, -suffix.length) : text
}
