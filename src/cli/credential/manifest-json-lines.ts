/** A manifest in JSON Lines: an object in each line that is not blank. */

import { parseJson } from '../../formats/json.ts'
import { UsageError } from '../errors.ts'
import type { ManifestFields, ManifestRecord } from './manifest-fields.ts'
import type { ManifestLine } from './manifest-lines.ts'

export async function* readJsonLines(
  lines: AsyncIterable<ManifestLine>,
): AsyncIterable<ManifestRecord> {
  for await (const { line, content } of lines) {
    if (content.trim() !== '') yield { line, fields: () => parseObject(content) }
  }
}

function parseObject(content: string): ManifestFields {
  const value = parseJson(content, (fault) => new UsageError(`it is ${fault}`))
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new UsageError('it is not a JSON object')
}
