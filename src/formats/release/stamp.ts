/**
 * The extension-release file of an image, made from what was asked, the target's os-release and
 * what the tree already says.
 *
 * A value from outside replaces the tree's, and that is reported. A file in the tree that already
 * says everything keeps its bytes; otherwise only the lines of changed fields are written anew.
 */

import { encodeUtf8 } from '../../bytes/utf8.ts'
import { ImageError } from '../../errors.ts'
import { collectFields, type SourcedValue, type StampInput } from './collect-fields.ts'
import { editEnvFile } from './edit-env-file.ts'
import { formatEnvFile, parseAssignments, parseEnvFile } from './env-file.ts'
import { type ExtensionKind, KINDS } from './kind.ts'
import { findMismatch, type Release } from './match.ts'
import { extensionReleasePath } from './names.ts'
import { findFieldProblem } from './validate-field.ts'

export interface StampedField {
  readonly key: string
  readonly value: string
  /** `option`, the name of an environment variable, `os-release` or `tree`. */
  readonly source: string
}

export interface Stamp {
  /** Path of the file inside the image, without a leading slash. */
  readonly path: string
  readonly bytes: Uint8Array
  /** In the order of the file. */
  readonly fields: readonly StampedField[]
  /** Whether the tree's file is used as it is. */
  readonly unchanged: boolean
  readonly warnings: readonly string[]
}

/**
 * Decides every field of the release file.
 *
 * @throws ImageError BAD_NAME for a name no image may have, BAD_OPTION for an option that cannot
 *   be met, BAD_RELEASE where no ID is to be found or the tree or the os-release has a wrong value.
 * @throws FormatError where the os-release or the tree's file cannot be read.
 */
export function stampRelease(input: StampInput): Stamp {
  const { kind, existing } = input
  const path = extensionReleasePath(kind, input.name)
  const tree = existing && parseEnvFile(existing, path)
  const host =
    input.osRelease === undefined
      ? undefined
      : parseEnvFile(encodeUtf8(input.osRelease), 'os-release')
  const given = collectFields(input, host, tree)
  for (const [key, { value, source }] of given) assertField(kind, key, value, source)

  const values = new Map([...given].map(([key, { value }]) => [key, value]))
  const bytes = existing ? editEnvFile(existing, values, path) : encodeUtf8(formatEnvFile(values))
  const release = parseEnvFile(bytes, path)
  for (const [key, value] of release) if (!given.has(key)) assertField(kind, key, value, path)

  return {
    path,
    bytes,
    fields: [...release].map(([key, value]) => {
      return { key, value, source: given.get(key)?.source ?? 'tree' }
    }),
    unchanged: tree !== undefined && [...values].every(([key, value]) => tree.get(key) === value),
    warnings: [
      ...(existing ? findDuplicates(existing, path) : []),
      ...(tree ? findReplacements(given, tree) : []),
      ...findForeignFields(kind, release),
      ...(host ? findTargetMismatch(kind, release, host) : []),
    ],
  }
}

function assertField(kind: ExtensionKind, key: string, value: string, source: string): void {
  const found = findFieldProblem(kind, key, value)
  if (!found) return
  const code = source === 'option' ? 'BAD_OPTION' : 'BAD_RELEASE'
  const place = source === 'option' ? '' : `${source}: `
  const field = `${key}=${JSON.stringify(value)}`
  throw new ImageError(code, `${place}${field} ${found.problem}`, { hint: found.hint })
}

function findDuplicates(bytes: Uint8Array, path: string): readonly string[] {
  const seen = new Set<string>()
  const repeated = new Set<string>()
  for (const { key } of parseAssignments(bytes, path)) (seen.has(key) ? repeated : seen).add(key)
  return [...repeated].map((key) => `${path} sets ${key} more than once; the last one counts`)
}

function findReplacements(
  given: ReadonlyMap<string, SourcedValue>,
  tree: Release,
): readonly string[] {
  return [...given].flatMap(([key, { value, source }]) => {
    const stated = tree.get(key)
    if (stated === undefined || stated === value) return []
    return [`${key}=${stated} in the tree is replaced by ${value} (${source})`]
  })
}

/** Fields of the other kind's decision, which systemd does not look at for this one. */
function findForeignFields(kind: ExtensionKind, release: Release): readonly string[] {
  const { prefix } = KINDS[kind]
  const foreign = KINDS[kind === 'sysext' ? 'confext' : 'sysext'].prefix
  return ['LEVEL', 'SCOPE'].flatMap((suffix) => {
    const [key, own] = [`${foreign}_${suffix}`, `${prefix}_${suffix}`]
    return release.has(key) && !release.has(own)
      ? [`${key} means nothing in a ${kind}; ${own} would`]
      : []
  })
}

function findTargetMismatch(
  kind: ExtensionKind,
  release: Release,
  host: Release,
): readonly string[] {
  const mismatch = findMismatch(release, host, { kind })
  if (!mismatch) return []
  const { field, expected, found, explanation } = mismatch
  const fact = `the given os-release would not merge this image: ${field} is ${found}, not ${expected}`
  return [`${fact} (${explanation})`]
}
