/**
 * A manifest in TOML: a table `[[credential]]` for each. Tables are read one at a time, each as a
 * document of its own, so that there may be any number of them.
 */

import { parse, TomlError } from 'smol-toml'
import { UsageError } from '../errors.ts'
import { suggest } from '../suggest.ts'
import type { ManifestFields, ManifestRecord } from './manifest-fields.ts'
import { MAX_LINE, type ManifestLine } from './manifest-lines.ts'
import { tableLines } from './toml-lines.ts'

const TABLE = 'credential'
/** An array of words is as deep as anything in a manifest goes. */
const MAX_DEPTH = 4

/** Lines from a header `[[credential]]` to the next one; the first may be without a header. */
interface Part {
  readonly line: number
  readonly hasHeader: boolean
  readonly text: string[]
  size: number
}

/** @throws UsageError where it is not TOML, or anything but tables of credentials. */
export async function* readToml(lines: AsyncIterable<ManifestLine>): AsyncIterable<ManifestRecord> {
  const isHeader = tableLines(TABLE)
  let part: Part | undefined
  for await (const { line, content, newline } of lines) {
    const hasHeader = isHeader(content)
    if (part && hasHeader) yield* readPart(part)
    if (part === undefined || hasHeader) part = { line, hasHeader, text: [], size: 0 }
    part.text.push(content + newline)
    part.size += content.length
    if (part.size > MAX_LINE) {
      throw new UsageError(`line ${part.line}: what begins there has more than ${MAX_LINE} bytes`)
    }
  }
  if (part) yield* readPart(part)
}

function* readPart({ line, hasHeader, text }: Part): Iterable<ManifestRecord> {
  const { [TABLE]: tables, ...others } = parseToml(text.join(''), line)
  const [stranger] = Object.keys(others)
  if (stranger !== undefined) throw unknown(stranger)
  const isList = Array.isArray(tables) && tables.length === (hasHeader ? 1 : 0)
  if (tables !== undefined && !isList) {
    throw new UsageError(`"${TABLE}" is not a list of tables`, {
      hint: `each credential has its own, below a line [[${TABLE}]]`,
    })
  }
  if (hasHeader && isList) yield { line, fields: () => plain(tables[0]) }
}

/** @param first number of its first line in the manifest */
function parseToml(text: string, first: number): ManifestFields {
  try {
    return parse(text, { maxDepth: MAX_DEPTH })
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // Below its first line the message quotes the manifest, in which somebody may have put a secret.
    const fact = /^Invalid TOML document: (.*)$/m.exec(error.message)?.[1] ?? 'it is malformed'
    const line = first + error.line - 1
    throw new UsageError(`line ${line}, column ${error.column}: not TOML: ${fact}`, {
      hint: 'a manifest that begins with { is JSON Lines, any other is TOML',
    })
  }
}

function unknown(key: string): UsageError {
  const meant = suggest(key, [TABLE])
  return new UsageError(`unknown table or field "${key}" outside of [[${TABLE}]]`, {
    hint: meant === undefined ? undefined : `did you mean [[${meant}]]?`,
  })
}

/** Dates have a syntax of their own in TOML; to us they are what is written. */
function plain(table: object): ManifestFields {
  return Object.fromEntries(
    Object.entries(table).map(([key, value]) => [
      key,
      value instanceof Date ? value.toISOString() : value,
    ]),
  )
}
