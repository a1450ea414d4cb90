/** `--timestamp`: the time in a signed variable, which is never that of the clock unless asked for. */

import { parseTime, toMicroseconds } from '../credentials/time.ts'
import { option } from './arguments.ts'
import type { Context } from './context.ts'
import { UsageError } from './errors.ts'
import { sourceDateEpoch } from './source-date-epoch.ts'
import { text } from './types.ts'

export const timestampOption = {
  timestamp: option({
    long: 'timestamp',
    type: text('TIME'),
    environment: 'SOURCE_DATE_EPOCH',
    description: 'when the variable is changed, later than the time before; now is the clock',
  }),
}

/** Whole seconds. @throws UsageError where no time is given. */
export function signingTime(timestamp: string | undefined, context: Context): Date {
  if (timestamp !== undefined) return parseTimestamp(timestamp, context.now())
  const epoch = sourceDateEpoch(context)
  if (epoch !== undefined) return assertEfiTime(new Date(epoch * 1000), 'SOURCE_DATE_EPOCH')
  throw new UsageError('--timestamp is missing: firmware orders changes by it', {
    hint: '--timestamp now takes the clock, SOURCE_DATE_EPOCH is taken when it is set',
  })
}

function parseTimestamp(value: string, now: Date): Date {
  const time = value === 'now' ? toMicroseconds(now) : parseTime(value, toMicroseconds(now))
  if (time !== undefined) {
    return assertEfiTime(new Date(Number(time / 1_000_000n) * 1000), '--timestamp')
  }
  throw new UsageError(`--timestamp: '${value}' is not a time`, {
    hint: 'times look like 2027-01-31, 2027-01-31 12:00 UTC, now, @1800000000',
  })
}

/** Firmware has four digits for the year. */
function assertEfiTime(time: Date, name: string): Date {
  if (time.getUTCFullYear() <= 9999) return time
  throw new UsageError(`${name}: firmware knows no time after the year 9999`)
}
