/** Texts in the files that stand for command lines: plans and manifests. */

import { UsageError } from './errors.ts'

/** No command line and no path can hold them: Node refuses the one and writes the other as U+FFFD. */
const NEVER = /[\0\p{Surrogate}]/u

/**
 * The text of a field, in which a whole number may stand as such; undefined where it is neither.
 *
 * @throws UsageError for a character that no command line has
 */
export function readFieldText(name: string, value: unknown): string | undefined {
  // Of any other number a text would be made that is not what was written: 1e30, 1e-7, inf.
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  if (typeof text !== 'string') return undefined
  if (NEVER.test(text)) throw new UsageError(`"${name}" has a NUL or an unpaired surrogate in it`)
  return text
}
