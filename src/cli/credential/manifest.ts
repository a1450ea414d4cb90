/** The manifest of `extsign cred batch`, in JSON Lines or in TOML, read one credential at a time. */

import type { Repeatable } from '../../files/twice.ts'
import { UsageError, UsageErrors } from '../errors.ts'
import { identitiesOf } from '../kept-inputs.ts'
import { placeFinder } from '../places.ts'
import { DigestTable } from './digest-table.ts'
import { type ManifestEntry, type ManifestRecord, readEntry } from './manifest-fields.ts'
import { readJsonLines } from './manifest-json-lines.ts'
import { type ManifestLine, readLines } from './manifest-lines.ts'
import { filesOf } from './request.ts'

/** Mistakes that are shown; the rest are counted. */
const MAX_MISTAKES = 20

/**
 * Reads a manifest to its end, before anything of it is sealed, and tells how many credentials it has.
 *
 * @param name of the file, for errors
 * @param look sees each entry; what it throws is a mistake in that line
 * @throws UsageErrors with the mistakes in it: nothing is sealed of a manifest that is wrong.
 */
export async function checkManifest(
  content: Repeatable,
  name: string,
  look: (entry: ManifestEntry) => void = () => {},
): Promise<number> {
  const mistakes = mistakesOf(name)
  const assertApart = apart()
  let count = 0
  try {
    for await (const record of readRecords(content)) {
      count++
      try {
        const entry = readEntry(record)
        assertApart(entry)
        look(entry)
      } catch (error) {
        mistakes.add(error, `${name} line ${record.line}`)
      }
    }
  } catch (error) {
    // What is no manifest cannot be read to its end.
    mistakes.add(error, name)
  }
  mistakes.throwIfAny()
  if (count === 0) throw new UsageErrors([new UsageError(`${name} has no credentials`)])
  return count
}

/** No output replaces another one, or a file that is read, which would be lost with --force. */
function apart(): (entry: ManifestEntry) => void {
  const placeOf = placeFinder()
  /** Of each place and each file the first line that it is in, twice, and one more where that writes it. */
  const uses = new DigestTable()
  const use = (name: string, value: number) => uses.update(name, (first) => first || value)
  return ({ line, request }) => {
    for (const path of filesOf(request)) {
      for (const name of [placeOf(path), ...identitiesOf(path)]) {
        const first = use(name, 2 * line)
        if (first % 2 === 1) throw new UsageError(`${path} is the output of line ${first >>> 1}`)
      }
    }
    const { output } = request
    const first = use(placeOf(output), 2 * line + 1)
    if (first % 2 === 1) throw new UsageError(`line ${first >>> 1} has the same output`)
    const read = [first, ...identitiesOf(output).map((name) => use(name, 2 * line + 1))]
    // Outputs that are names of one file become files of their own.
    const reader = read.find((value) => value !== 0 && value % 2 === 0)
    if (reader === undefined) return
    throw new UsageError(`line ${reader >>> 1} reads what the output would replace`)
  }
}

/** The entries of a manifest that was checked. */
export async function* readEntries(content: Repeatable): AsyncIterable<ManifestEntry> {
  for await (const record of readRecords(content)) yield readEntry(record)
}

/** TOML never begins with a brace, and each line of JSON Lines does. */
async function* readRecords(content: Repeatable): AsyncIterable<ManifestRecord> {
  const lines = readLines(content.blocks())
  for await (const first of lines) {
    if (first.content.trim() === '') continue
    const all = withFirst(first, lines)
    if (first.content.trimStart().startsWith('{')) return yield* readJsonLines(all)
    const { readToml } = await import('./manifest-toml.ts')
    return yield* readToml(all)
  }
}

async function* withFirst(
  first: ManifestLine,
  rest: AsyncIterable<ManifestLine>,
): AsyncIterable<ManifestLine> {
  yield first
  yield* rest
}

/** Some mistakes, of which there may be as many as there are lines. */
function mistakesOf(name: string) {
  const shown: UsageError[] = []
  let more = 0
  return {
    add(error: unknown, place: string) {
      if (!(error instanceof UsageError)) throw error
      if (shown.length === MAX_MISTAKES) more++
      else shown.push(new UsageError(`${place}: ${error.message}`, { hint: error.hint }))
    },
    throwIfAny() {
      const rest = `${name}: ${more} more ${more === 1 ? 'line is' : 'lines are'} wrong`
      if (shown.length > 0)
        throw new UsageErrors([...shown, ...(more > 0 ? [new UsageError(rest)] : [])])
    },
  }
}
