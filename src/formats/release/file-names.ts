/** Under which file names an image loads, and why it does not under others. */

import type { ExtensionKind } from './kind.ts'
import { KINDS } from './kind.ts'
import { baseNameOf, imageNameOf } from './names.ts'

/** First systemd that knows `.sysext.raw` and `.confext.raw`. */
const CLASS_SUFFIX_SINCE = 255
/** First systemd that ignores what follows `_` or `+`, and that looks into `.v` folders. */
const VERSIONED_SINCE = 256

export type FileNameVerdict =
  | {
      readonly loads: true
      /** First systemd version that loads the image under this name. */
      readonly since: number
      readonly explanation: string
    }
  | { readonly loads: false; readonly reason: string; readonly hint: string }

export interface LoadableName {
  /** A file name, or a path with the `.v` folder the file must be in. */
  readonly file: string
  readonly since: number
  readonly explanation: string
}

/** Whether a file called `fileName`, with `extension-release.<releaseName>` in it, is loaded. */
export function checkFileName(
  kind: ExtensionKind,
  fileName: string,
  releaseName: string,
): FileNameVerdict {
  const hint = `name it ${releaseName}.raw, or ${releaseName}_VERSION.raw with a version`
  if (!fileName.endsWith('.raw')) {
    return { loads: false, reason: `${fileName} does not end in .raw`, hint }
  }
  const imageName = imageNameOf(kind, fileName)
  if (imageName === undefined) {
    return { loads: false, reason: `${fileName} leaves no valid image name`, hint }
  }
  const plain = fileName === `${imageName}.raw`
  const oldest = plain ? KINDS[kind].since : CLASS_SUFFIX_SINCE
  if (imageName === releaseName) {
    return { loads: true, since: oldest, explanation: `the image name is ${imageName}` }
  }
  if (baseNameOf(imageName) === releaseName) {
    const since = Math.max(oldest, VERSIONED_SINCE)
    const rest = imageName.slice(releaseName.length)
    return { loads: true, since, explanation: `the image name is ${releaseName} without ${rest}` }
  }
  return { loads: false, reason: explainMismatch(kind, fileName, imageName, releaseName), hint }
}

/**
 * The forms of file name under which an image with `extension-release.<releaseName>` loads, with
 * `1.2` and `x86-64` standing for any version and architecture.
 */
export function loadsAs(
  kind: ExtensionKind,
  releaseName: string,
  example: { readonly version?: string; readonly architecture?: string } = {},
): readonly LoadableName[] {
  const { version = '1.2', architecture = 'x86-64' } = example
  const versioned = `${releaseName}_${version}`
  const files = [
    `${releaseName}.raw`,
    `${releaseName}.${kind}.raw`,
    `${versioned}.raw`,
    `${versioned}_${architecture}.raw`,
    `${versioned}_${architecture}.${kind}.raw`,
  ]
  const loadable = files.flatMap((file) => {
    const verdict = checkFileName(kind, file, releaseName)
    return verdict.loads ? [{ file, since: verdict.since, explanation: verdict.explanation }] : []
  })
  // In a folder of versions the name ends at the underscore, so it can have none itself.
  const versionable = baseNameOf(releaseName) === releaseName
  const folders = (versionable ? ['.raw', `.${kind}.raw`] : []).map((suffix) => {
    const folder = `${releaseName}${suffix}.v`
    return {
      file: `${folder}/${versioned}_${architecture}${suffix}`,
      since: VERSIONED_SINCE,
      explanation: `the newest version in the folder ${folder} is taken`,
    }
  })
  return [...loadable, ...folders]
}

function explainMismatch(
  kind: ExtensionKind,
  fileName: string,
  imageName: string,
  releaseName: string,
): string {
  const other = kind === 'sysext' ? 'confext' : 'sysext'
  if (imageName.endsWith(`.${other}`)) {
    return `${fileName} is the file name of a ${other}, the image is a ${kind}`
  }
  const base = baseNameOf(imageName)
  const wanted = base === imageName || base === '' ? imageName : `${imageName} or ${base}`
  const fact = `${fileName} carries extension-release.${releaseName}; systemd looks for extension-release.${wanted}`
  return base.startsWith(`${releaseName}-`)
    ? `${fact} (a dash does not separate a version from a name, an underscore does)`
    : fact
}
