/**
 * Which fields an extension-release file gets from outside the tree, and where each comes from.
 *
 * For each field the first of these that has it wins: an option; for the level, the environment;
 * the target's os-release. What none of them has stays as the tree says.
 */

import { ImageError } from '../../errors.ts'
import { isVersion } from '../version.ts'
import { isFieldName } from './env-file.ts'
import { type ExtensionKind, KINDS } from './kind.ts'
import type { Release } from './match.ts'
import type { ReleaseOptions } from './options.ts'

export interface StampInput extends ReleaseOptions {
  readonly kind: ExtensionKind
  /** Name of the image, and of the release file. */
  readonly name: string
  /** Version of the extension itself. */
  readonly version?: string | undefined
  /** The release file the tree has under this name. */
  readonly existing?: Uint8Array | undefined
}

/** A value and where it comes from: `option`, an environment variable's name, or `os-release`. */
export interface SourcedValue {
  readonly value: string
  readonly source: string
}

/**
 * The fields that do not come from the tree, in the order of a new file.
 *
 * @throws ImageError BAD_OPTION for options that contradict each other or name no field,
 *   BAD_RELEASE where no ID is to be found.
 */
export function collectFields(
  input: StampInput,
  host: Release | undefined,
  tree: Release | undefined,
): ReadonlyMap<string, SourcedValue> {
  const { prefix } = KINDS[input.kind]
  const asked = collectOptions(input, tree)
  const fields = new Map<string, SourcedValue>()
  const add = (key: string, ...choices: readonly (SourcedValue | undefined)[]) => {
    const value = choices.find((choice) => choice !== undefined)
    if (value) fields.set(key, value)
  }

  if (host && !host.get('ID')) throw new ImageError('BAD_RELEASE', 'the os-release has no ID')
  add('ID', asked.get('ID'), fromHost(host, 'ID'))
  const id = fields.get('ID')?.value ?? tree?.get('ID')
  if (id === undefined) throw missingId(tree)

  // For ID=_any systemd compares neither version nor level.
  const target = id === '_any' ? undefined : host
  const level = fromHost(target, `${prefix}_LEVEL`)
  // A level on both sides replaces the version: that is what levels are for.
  add('VERSION_ID', asked.get('VERSION_ID'), level ? undefined : fromHost(target, 'VERSION_ID'))
  add(`${prefix}_LEVEL`, asked.get(`${prefix}_LEVEL`), fromEnvironment(input), level)
  for (const [key, value] of asked) if (!fields.has(key)) fields.set(key, value)
  return fields
}

/** What was asked for. One field may be asked for in two ways, if they agree. */
function collectOptions(
  input: StampInput,
  tree: Release | undefined,
): ReadonlyMap<string, SourcedValue> {
  const asked = new Map<string, SourcedValue>()
  for (const [key, value] of [...listOptions(input, tree), ...(input.properties ?? [])]) {
    if (value === undefined) continue
    if (!isFieldName(key)) {
      throw new ImageError('BAD_OPTION', `${JSON.stringify(key)} is not the name of a field`)
    }
    const before = asked.get(key)?.value
    if (before !== undefined && before !== value) {
      throw new ImageError('BAD_OPTION', `${key} is given twice: ${before} and ${value}`)
    }
    asked.set(key, { value, source: 'option' })
  }
  return asked
}

function listOptions(
  input: StampInput,
  tree: Release | undefined,
): readonly (readonly [key: string, value: string | undefined])[] {
  const { prefix } = KINDS[input.kind]
  const { version, reloadManager } = input
  if (version !== undefined && !isVersion(version)) {
    throw new ImageError('BAD_OPTION', `${JSON.stringify(version)} is not a version`, {
      hint: 'a version is made of letters, digits and the marks . - ~ ^',
    })
  }
  const reload = reloadManager === undefined ? undefined : reloadManager ? '1' : '0'
  return [
    ['ID', input.id],
    ['VERSION_ID', input.versionId],
    [`${prefix}_LEVEL`, input.level],
    [`${prefix}_SCOPE`, input.scope?.join(' ')],
    ['ARCHITECTURE', input.architecture],
    ['EXTENSION_RELOAD_MANAGER', reload],
    [`${prefix}_ID`, identity(input, tree)],
    [`${prefix}_VERSION_ID`, version],
  ]
}

/** The extension's own ID, which gives its version a name to belong to; only where none is set. */
function identity(input: StampInput, tree: Release | undefined): string | undefined {
  const key = `${KINDS[input.kind].prefix}_ID`
  const stated = tree?.has(key) || input.properties?.some(([property]) => property === key)
  const fits = input.version !== undefined && /^[a-z0-9._-]+$/.test(input.name)
  return fits && !stated ? input.name : undefined
}

function fromHost(host: Release | undefined, key: string): SourcedValue | undefined {
  const value = host?.get(key)
  return value ? { value, source: 'os-release' } : undefined
}

function fromEnvironment({ environmentLevel }: StampInput): SourcedValue | undefined {
  return environmentLevel?.value ? environmentLevel : undefined
}

function missingId(tree: Release | undefined): ImageError {
  const where = tree
    ? "the tree's extension-release has no ID"
    : 'the tree has no extension-release'
  return new ImageError('BAD_RELEASE', `${where}, and no OS to make the extension for is given`, {
    hint: "give the target's os-release with --os-release FILE, its ID with --id ID, or --id _any to fit every OS",
  })
}
