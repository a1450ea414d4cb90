/** The plan of a rotation: a TOML or JSON file with tables `[[images]]`, `[[policies]]`, `[[credentials]]`. */

import { dirname, isAbsolute, join } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { readText } from '../../files/text.ts'
import { parseJson } from '../../formats/json.ts'
import type { Argument, Arguments, OptionArgument, ValuesOf } from '../arguments.ts'
import { findTableLines } from '../credential/toml-lines.ts'
import { UsageError } from '../errors.ts'
import { readFieldText } from '../field-text.ts'
import { suggest } from '../suggest.ts'
import { credentialFields, imageFields, policyFields } from './tables.ts'

const TABLES = { images: imageFields, policies: policyFields, credentials: credentialFields }
type TableName = keyof typeof TABLES
const NAMES = Object.keys(TABLES) as readonly TableName[]
/** An array of texts in a table is as deep as a plan goes. */
const MAX_DEPTH = 4

/** A table of the plan, its paths made relative to where the plan is. */
export interface PlanTable<Fields extends Arguments> {
  /** What it is called in errors. */
  readonly place: string
  readonly values: ValuesOf<Fields>
}

export interface PlanFile {
  readonly images: readonly PlanTable<typeof imageFields>[]
  readonly policies: readonly PlanTable<typeof policyFields>[]
  readonly credentials: readonly PlanTable<typeof credentialFields>[]
}

/** @throws UsageError naming table and field; FileError */
export async function readPlan(path: string): Promise<PlanFile> {
  const text = await readText(path)
  const { document, placeOf } = text.trimStart().startsWith('{') ? readJson(text) : readToml(text)
  for (const name of Object.keys(document)) assertKnown(name, NAMES, 'table')
  const read = <Fields extends Arguments>(name: TableName, fields: Fields) =>
    tablesOf(document[name], name).map((table, index): PlanTable<Fields> => {
      const place = `${path}: ${placeOf(name, index)}`
      return { place, values: readTable(table, fields, place, dirname(path)) }
    })
  const plan = {
    images: read('images', imageFields),
    policies: read('policies', policyFields),
    credentials: read('credentials', credentialFields),
  }
  if (NAMES.every((name) => plan[name].length === 0)) {
    throw new UsageError(`${path}: there is nothing to rotate`, {
      hint: 'a plan has tables [[images]], [[policies]] or [[credentials]]',
    })
  }
  return plan
}

interface PlanText {
  readonly document: Readonly<Record<string, unknown>>
  readonly placeOf: (name: TableName, index: number) => string
}

function readToml(text: string): PlanText {
  try {
    const document = parse(text, { maxDepth: MAX_DEPTH })
    const lines = new Map<TableName, readonly number[]>()
    const placeOf = (name: TableName, index: number) => {
      const found = lines.get(name) ?? findTableLines(text, name)
      lines.set(name, found)
      return `[[${name}]] in line ${found[index]}`
    }
    return { document, placeOf }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const fact = /^Invalid TOML document: (.*)$/m.exec(error.message)?.[1] ?? 'it is malformed'
    throw new UsageError(`line ${error.line}, column ${error.column}: not TOML: ${fact}`, {
      hint: 'a plan that begins with { is JSON, any other is TOML',
    })
  }
}

function readJson(text: string): PlanText {
  const refuse = (fault: string) => new UsageError(`the plan begins with { and is ${fault}`)
  const placeOf = (name: TableName, index: number) => `${name} ${index + 1}`
  return { document: Object(parseJson(text, refuse)), placeOf }
}

function tablesOf(value: unknown, name: TableName): readonly Readonly<Record<string, unknown>>[] {
  if (value === undefined) return []
  const isTable = (each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
  if (Array.isArray(value) && value.every(isTable)) return value
  throw new UsageError(`"${name}" is not a list of tables`, {
    hint: `each has its own, below a line [[${name}]]`,
  })
}

function readTable<Fields extends Arguments>(
  table: Readonly<Record<string, unknown>>,
  fields: Fields,
  place: string,
  folder: string,
): ValuesOf<Fields> {
  const known = Object.values(fields).flatMap((field) =>
    field.kind === 'positional' ? [] : [field.long],
  )
  try {
    for (const name of Object.keys(table)) assertKnown(name, known, 'field')
    // A command or a URI is no path.
    const source = table['private-key-source']
    const isElsewhere = source === 'command' || source === 'pkcs11'
    const entries = Object.entries(fields).map(([key, field]) => {
      const keep = key === 'privateKey' && isElsewhere
      return [key, readField(field, table, keep ? undefined : folder)]
    })
    return Object.fromEntries(entries) as ValuesOf<Fields> // each came from the `read` of its type
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(`${place}: ${error.message}`, { hint: error.hint })
  }
}

function readField(
  field: Argument,
  table: Readonly<Record<string, unknown>>,
  folder: string | undefined,
): unknown {
  if (field.kind === 'positional') return undefined
  const value = table[field.long]
  if (field.kind === 'flag') {
    if (value === undefined || typeof value === 'boolean') return value ?? false
    throw new UsageError(`"${field.long}" is neither true nor false`)
  }
  const texts = textsOf(field, value)
  const isPath = field.type.completes !== undefined && folder !== undefined
  try {
    return field.read(isPath ? texts.map((path) => resolvePath(folder, path)) : texts)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(`"${field.long}": ${error.message}`, { hint: error.hint })
  }
}

function textsOf(field: OptionArgument, value: unknown): readonly string[] {
  if (value === undefined) return []
  const values = field.repeatable && Array.isArray(value) ? value : [value]
  return values.map((each) => {
    const text = readFieldText(field.long, each)
    if (text !== undefined && (text !== '' || field.acceptsEmpty)) return text
    const what = field.repeatable ? 'a list of texts' : 'a text'
    throw new UsageError(`"${field.long}" is not ${what}`)
  })
}

function resolvePath(folder: string, path: string): string {
  return isAbsolute(path) ? path : join(folder, path)
}

function assertKnown(name: string, known: readonly string[], what: string): void {
  if (known.includes(name)) return
  const meant = suggest(name, known)
  throw new UsageError(`unknown ${what} "${name}"`, {
    hint: meant === undefined ? undefined : `did you mean "${meant}"?`,
  })
}
