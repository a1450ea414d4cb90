/** The manifest of `extsign cred batch`, in JSON Lines or in TOML. */

import { normalize } from 'node:path'
import { UsageError, UsageErrors } from '../errors.ts'
import { type ManifestEntry, type ManifestRecord, readEntry } from './manifest-fields.ts'
import { readJsonLines } from './manifest-json-lines.ts'

/** Mistakes that are shown; the rest are counted. */
const MAX_MISTAKES = 20

/**
 * @param name of the file, for errors
 * @throws UsageErrors with the mistakes in it: nothing is sealed of a manifest that is wrong.
 */
export async function parseManifest(text: string, name: string): Promise<readonly ManifestEntry[]> {
  const mistakes: UsageError[] = []
  const entries: ManifestEntry[] = []
  const outputs = new Map<string, number>()
  for (const record of await readRecords(text, name)) {
    try {
      const entry = readEntry(record)
      const output = normalize(entry.request.output)
      const earlier = outputs.get(output)
      if (earlier !== undefined) throw new UsageError(`line ${earlier} has the same output`)
      outputs.set(output, record.line)
      entries.push(entry)
    } catch (error) {
      mistakes.push(placed(error, `${name} line ${record.line}`))
    }
  }
  if (entries.length === 0 && mistakes.length === 0) {
    mistakes.push(new UsageError(`${name} has no credentials`))
  }
  if (mistakes.length > 0) throw new UsageErrors(shortened(mistakes, name))
  return entries
}

/** TOML never begins with a brace, and each line of JSON Lines does. */
async function readRecords(text: string, name: string): Promise<Iterable<ManifestRecord>> {
  if (/^\s*(?:\{|$)/.test(text)) return readJsonLines(text)
  const { readToml } = await import('./manifest-toml.ts')
  try {
    return readToml(text)
  } catch (error) {
    throw new UsageErrors([placed(error, name)])
  }
}

function placed(error: unknown, place: string): UsageError {
  if (!(error instanceof UsageError)) throw error
  return new UsageError(`${place}: ${error.message}`, { hint: error.hint })
}

function shortened(mistakes: readonly UsageError[], name: string): readonly UsageError[] {
  const more = mistakes.length - MAX_MISTAKES
  if (more <= 0) return mistakes
  return [
    ...mistakes.slice(0, MAX_MISTAKES),
    new UsageError(`${name}: ${more} more ${more === 1 ? 'line is' : 'lines are'} wrong`),
  ]
}
