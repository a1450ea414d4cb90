/** Changes to a release file that leave comments, order and every other line as they were. */

import { concat, concatAll } from '../../bytes/concat.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { FormatError } from '../../errors.ts'
import { formatAssignment, formatEnvFile, parseAssignments, parseEnvFile } from './env-file.ts'

/**
 * `bytes` with these fields set: the last assignment of a key is replaced where it stands, new
 * keys follow at the end. A field that already has its value is not touched.
 *
 * @param name what to call the file in an error.
 * @throws FormatError where `bytes` is no release file, or ends inside an open quote.
 */
export function editEnvFile(
  bytes: Uint8Array,
  fields: ReadonlyMap<string, string>,
  name: string,
): Uint8Array {
  const assignments = new Map(parseAssignments(bytes, name).map((item) => [item.key, item]))
  const parts: Uint8Array[] = []
  let at = 0
  for (const { key, value, start, end } of [...assignments.values()].sort(byStart)) {
    const wanted = fields.get(key) ?? value
    if (wanted === value) continue
    parts.push(bytes.subarray(at, start), encodeUtf8(formatAssignment(key, wanted)))
    at = end
  }
  parts.push(bytes.subarray(at))
  const replaced = concatAll(parts)
  const added = [...fields].filter(([key]) => !assignments.has(key))
  const edited = added.length === 0 ? replaced : append(replaced, added)
  // An open quote or a backslash at the very end would swallow what was added.
  const result = parseEnvFile(edited, name)
  for (const [key, value] of fields) {
    if (result.get(key) !== value) {
      throw new FormatError(name, 'BAD_VALUE', 'the last line ends in an open quote or a backslash')
    }
  }
  return edited
}

/** `bytes` with fields behind its last line, which is ended first. */
function append(bytes: Uint8Array, fields: Iterable<readonly [string, string]>): Uint8Array {
  const end = bytes.length === 0 || bytes.at(-1) === 0x0a ? '' : '\n'
  return concat(bytes, encodeUtf8(end + formatEnvFile(fields)))
}

function byStart(a: { readonly start: number }, b: { readonly start: number }): number {
  return a.start - b.start
}
