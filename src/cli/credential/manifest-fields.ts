/**
 * What the manifest of `extsign cred batch` says of one credential: the options of `cred encrypt` by
 * their long names, where it goes, and where its secret comes from.
 */

import type { OptionArgument } from '../arguments.ts'
import { UsageError } from '../errors.ts'
import { readFieldText } from '../field-text.ts'
import { suggest } from '../suggest.ts'
import { requestOptions, type SealRequest } from './request.ts'

/** Where a secret comes from; never from the manifest itself. */
export type SecretSource =
  /** A path; `-` is standard input. */
  | { readonly kind: 'file'; readonly path: string }
  /** The name of a variable. */
  | { readonly kind: 'environment'; readonly variable: string }
  /** A program and its arguments, run without a shell. */
  | { readonly kind: 'command'; readonly words: readonly string[] }

export type ManifestFields = Readonly<Record<string, unknown>>

/** A credential as it stands in a manifest. */
export interface ManifestRecord {
  /** From 1. */
  readonly line: number
  /** @throws UsageError where it cannot be read. */
  readonly fields: () => ManifestFields
}

export interface ManifestEntry {
  readonly line: number
  readonly source: SecretSource
  readonly request: SealRequest
}

type Options = Omit<SealRequest, 'input' | 'output'>

const SOURCES = ['input', 'environment', 'command'] as const
const OPTIONS = new Map(
  Object.entries(requestOptions).map(([key, option]) => [option.long, { key, option }]),
)
const FIELDS = ['output', ...SOURCES, ...OPTIONS.keys()]
/** What options are where they are not given. */
const ABSENT = Object.fromEntries(
  Object.entries(requestOptions).map(([key, option]) => [
    key,
    option.kind === 'flag' ? false : option.read([]),
  ]),
)
const STANDARD = '-'

/** @throws UsageError naming the field that is wrong. */
export function readEntry({ line, fields: read }: ManifestRecord): ManifestEntry {
  const fields = read()
  const options = readOptions(fields)
  const source = readSource(fields)
  const input = source.kind === 'file' ? source.path : STANDARD
  const output = typeof fields.output === 'string' && readFieldText('output', fields.output)
  if (!output) throw new UsageError('"output" is missing')
  if (output === STANDARD) throw new UsageError('"output" has to be a file')
  return { line, source, request: { ...options, input, output } }
}

/** The values of the options as a command line would give them. */
function readOptions(fields: ManifestFields): Options {
  const values: Record<string, unknown> = { ...ABSENT }
  for (const [field, value] of Object.entries(fields)) {
    const known = OPTIONS.get(field)
    if (known === undefined) assertKnown(field)
    else if (known.option.kind === 'flag') values[known.key] = readFlag(field, value)
    else values[known.key] = readOption(known.option, value)
  }
  return values as unknown as Options // each came from the `read` of its type
}

function assertKnown(field: string): void {
  if (FIELDS.includes(field)) return
  const meant = suggest(field, FIELDS)
  throw new UsageError(`unknown field "${field}"`, {
    hint: meant === undefined ? undefined : `did you mean "${meant}"?`,
  })
}

function readFlag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new UsageError(`"${name}" is neither true nor false`)
}

function readOption(argument: OptionArgument, value: unknown): unknown {
  const text = readFieldText(argument.long, value)
  if (text === undefined || (text === '' && !argument.acceptsEmpty)) {
    throw new UsageError(`"${argument.long}" is not a text`)
  }
  try {
    return argument.read([text])
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(`"${argument.long}": ${error.message}`, { hint: error.hint })
  }
}

function readSource(fields: ManifestFields): SecretSource {
  const given = SOURCES.filter((source) => fields[source] !== undefined)
  if (given.length !== 1) {
    throw new UsageError(`one of ${SOURCES.map((source) => `"${source}"`).join(', ')} is needed`)
  }
  const { input, environment, command } = fields
  if (typeof input === 'string' && readFieldText('input', input)) {
    return { kind: 'file', path: input }
  }
  if (typeof environment === 'string' && readFieldText('environment', environment)) {
    return { kind: 'environment', variable: environment }
  }
  if (Array.isArray(command) && command.every((word) => typeof word === 'string') && command[0]) {
    for (const word of command) readFieldText('command', word)
    return { kind: 'command', words: command }
  }
  const what = given[0] === 'command' ? 'an array of words' : 'a text'
  throw new UsageError(`"${given[0]}" is not ${what}`)
}
