/** `SOURCE_DATE_EPOCH`, see https://reproducible-builds.org/specs/source-date-epoch/. */

import { type Context, environmentVariable } from './context.ts'
import { UsageError } from './errors.ts'

/** Seconds since the epoch, or undefined where the variable is not set. */
export function sourceDateEpoch(context: Context): number | undefined {
  const text = environmentVariable(context, 'SOURCE_DATE_EPOCH')
  if (text === undefined) return undefined
  const seconds = /^(?:0|[1-9][0-9]*)$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(seconds)) return seconds
  throw new UsageError(`SOURCE_DATE_EPOCH: '${text}' is not a whole number of seconds`)
}
