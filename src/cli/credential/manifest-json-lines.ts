/** A manifest in JSON Lines: an object in each line that is not blank. */

import { parseJson } from '../../formats/json.ts'
import { UsageError } from '../errors.ts'
import type { ManifestFields, ManifestRecord } from './manifest-fields.ts'

export function* readJsonLines(text: string): Iterable<ManifestRecord> {
  for (const [index, content] of text.split('\n').entries()) {
    if (content.trim() !== '') yield { line: index + 1, fields: () => parseObject(content) }
  }
}

function parseObject(content: string): ManifestFields {
  const value = parseJson(content, (fault) => new UsageError(`it is ${fault}`))
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new UsageError('it is not a JSON object')
}
