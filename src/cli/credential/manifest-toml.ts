/** A manifest in TOML: a table `[[credential]]` for each. */

import { parse, TomlError } from 'smol-toml'
import { UsageError } from '../errors.ts'
import { suggest } from '../suggest.ts'
import type { ManifestFields, ManifestRecord } from './manifest-fields.ts'
import { findTableLines } from './toml-lines.ts'

const TABLE = 'credential'
/** An array of words is as deep as anything in a manifest goes. */
const MAX_DEPTH = 4

/** @throws UsageError where it is not TOML, or anything but tables of credentials. */
export function readToml(text: string): Iterable<ManifestRecord> {
  const { [TABLE]: tables = [], ...others } = parseToml(text)
  const [stranger] = Object.keys(others)
  if (stranger !== undefined) throw unknown(stranger)
  const lines = findTableLines(text, TABLE)
  if (!Array.isArray(tables) || tables.length !== lines.length) {
    throw new UsageError(`"${TABLE}" is not a list of tables`, {
      hint: `each credential has its own, below a line [[${TABLE}]]`,
    })
  }
  return tables.map((table, index) => ({ line: lines[index]!, fields: () => plain(table) }))
}

function parseToml(text: string): ManifestFields {
  try {
    return parse(text, { maxDepth: MAX_DEPTH })
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // Below its first line the message quotes the manifest, in which somebody may have put a secret.
    const fact = /^Invalid TOML document: (.*)$/m.exec(error.message)?.[1] ?? 'it is malformed'
    throw new UsageError(`line ${error.line}, column ${error.column}: not TOML: ${fact}`, {
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
