/**
 * Times as systemd.time(7) writes them: `2026-12-31 12:00 UTC`, `@1700000000`, `+1week`, `today`.
 *
 * Where no time zone is named it is the local one. Zones by name other than UTC, days of the week and
 * years of two digits are not read, and the 31st of February is none.
 */

import { NO_TIME } from '../formats/credential/layout.ts'
import type { Microseconds } from '../formats/credential/metadata.ts'

/** The last moment a credential can say; the number after it means none. */
export const LAST_TIME: Microseconds = NO_TIME - 1n
/** The last moment that systemd writes as a date, 9999-12-30 23:59:59 UTC, and that it lets a date or span lead to. */
const LAST_DATE: Microseconds = 253_402_214_399_000_000n

const SECOND = 1_000_000n
const DAY = 86_400n * SECOND

/** Microseconds in a unit of time; a month and a year are averages. */
const UNITS: ReadonlyMap<string, bigint> = new Map([
  ...unit(1n, 'usec', 'us', '\u00b5s', '\u03bcs'),
  ...unit(1000n, 'msec', 'ms'),
  ...unit(SECOND, '', 's', 'sec', 'second', 'seconds'),
  ...unit(60n * SECOND, 'm', 'min', 'minute', 'minutes'),
  ...unit(3600n * SECOND, 'h', 'hr', 'hour', 'hours'),
  ...unit(DAY, 'd', 'day', 'days'),
  ...unit(7n * DAY, 'w', 'week', 'weeks'),
  ...unit(2_629_800n * SECOND, 'M', 'month', 'months'),
  ...unit(31_557_600n * SECOND, 'y', 'year', 'years'),
])

const DAYS: ReadonlyMap<string, number> = new Map([
  ['yesterday', -1],
  ['today', 0],
  ['tomorrow', 1],
])

/** Text that is longer is no time. */
const MAX_TEXT = 256

/**
 * The moment that `text` means at the moment `now`, or undefined where it means none, or one that
 * systemd would refuse: before 1970, or later than {@link LAST_TIME} and for all but `@` than the
 * year 9999.
 */
export function parseTime(text: string, now: Microseconds): Microseconds | undefined {
  if (text.length > MAX_TEXT) return undefined
  if (text.startsWith('@')) return within(parseSpan(text.slice(1)), LAST_TIME)
  return within(parseRelative(text, now) ?? parseDay(text, now) ?? parseDate(text, now))
}

function within(
  time: Microseconds | undefined,
  last: Microseconds = LAST_DATE,
): Microseconds | undefined {
  return time === undefined || time < 0n || time > last ? undefined : time
}

/** `+1week`, `1week left`, `-1week`, `1week ago`. */
function parseRelative(text: string, now: Microseconds): Microseconds | undefined {
  const [, sign, after] = /^([+-])(.*)$/s.exec(text) ?? []
  const [, before, word] = /^(.*) (ago|left)$/s.exec(text) ?? []
  const span = after ?? before
  const length = span === undefined || (after && before) ? undefined : parseSpan(span)
  if (length === undefined) return undefined
  return sign === '-' || word === 'ago' ? now - length : now + length
}

/** ISO 8601 in UTC, without the parts of a second that are zero. */
export function formatTime(time: Microseconds): string {
  const date = new Date(Number(time / 1000n))
  return Number.isNaN(date.getTime()) ? `@${time / 1_000_000n}` : shortIso(date)
}

/** The clock's time. */
export function toMicroseconds(date: Date): Microseconds {
  return BigInt(date.getTime()) * 1000n
}

function shortIso(date: Date): string {
  return date.toISOString().replace('.000Z', 'Z')
}

/** A number of a span, what is between it and its unit, and the unit. */
const PART = /(?:(\d+)(?:\.(\d+))?|\.(\d+))([ \t\n\r]*)([A-Za-z\u00b5\u03bc]*)[ \t\n\r]*/y
/** systemd reads the number in front of the point as a signed one. */
const MAX_NUMBER = 2n ** 63n - 1n

/** `1h 30min` in microseconds; undefined too where systemd would leave its 64 bits on the way. */
function parseSpan(text: string): bigint | undefined {
  const span = text.replace(/^[ \t\n\r]+/, '')
  let total = 0n
  PART.lastIndex = 0
  do {
    const [, digits = '0', fraction, alone = fraction ?? '', blank, name = ''] =
      PART.exec(span) ?? []
    const length = UNITS.get(name)
    if (blank === undefined || length === undefined) return undefined
    // `1.5.5` is no span, and `1.5 .5` is one.
    if (blank + name === '' && PART.lastIndex < span.length) return undefined
    const whole = BigInt(digits)
    if (whole > MAX_NUMBER || whole >= NO_TIME / length) return undefined
    total += whole * length + fractionOf(length, alone)
    if (total >= NO_TIME) return undefined
  } while (PART.lastIndex < span.length)
  return total
}

/** What digits after a point are of a unit: systemd divides it digit by digit, and drops what is left. */
function fractionOf(length: bigint, digits: string): bigint {
  let [part, sum] = [length, 0n]
  for (const digit of digits) {
    part /= 10n
    sum += BigInt(digit) * part
  }
  return sum
}

function parseDay(text: string, now: Microseconds): Microseconds | undefined {
  if (text === 'now') return now
  const days = DAYS.get(text)
  if (days === undefined) return undefined
  const date = new Date(Number(now / 1000n))
  date.setHours(0, 0, 0, 0)
  date.setDate(date.getDate() + days)
  return toMicroseconds(date)
}

const DATE = /^(\d{4})-(\d\d?)-(\d\d?)(?:[ T](?=\d)|(?= UTC$)|$)/
const CLOCK = /^(\d\d?):(\d\d?)(?::(\d\d?)(?:\.(\d+))?)?/
const ZONE = /^(?: UTC|Z| ([+-])(\d\d):?(\d\d))?$/
/** A `T` in front of the clock lets an offset follow without a blank. */
const ZONE_AFTER_T = /^(?: UTC|Z| ?([+-])(\d\d):?(\d\d))?$/

/** Only in front of numbers systemd takes blanks: ` 12:00`, and no ` today` or ` +1h`. */
function parseDate(given: string, now: Microseconds): Microseconds | undefined {
  const text = given.replace(/^[ \t\n\r]+/, '')
  const date = DATE.exec(text)
  const rest = text.slice(date?.[0].length ?? 0)
  const clock = CLOCK.exec(rest)
  const zone = (date?.[0].endsWith('T') ? ZONE_AFTER_T : ZONE).exec(
    rest.slice(clock?.[0].length ?? 0),
  )
  if ((!date && !clock) || !zone) return undefined
  const [year, month, day] = date ? date.slice(1, 4).map(Number) : dayOf(now, zone[0] !== '')
  const [hour, minute, second] = (clock ?? []).slice(1, 4).map((part) => Number(part ?? 0))
  const parts = [year!, month! - 1, day!, hour ?? 0, minute ?? 0, second ?? 0] as const
  const inUtc = new Date(Date.UTC(...parts))
  // The 31st of February is a day in March to JavaScript, and a mistake to us.
  const found = [inUtc.getUTCMonth(), inUtc.getUTCDate(), inUtc.getUTCHours()]
  if (found[0] !== parts[1] || found[1] !== parts[2] || found[2] !== parts[3]) return undefined
  if (parts[4] > 59 || parts[5] > 59) return undefined
  const moment = zone[0] === '' ? new Date(...parts) : inUtc
  const [hours, minutes] = zone[1] === undefined ? [0, 0] : [Number(zone[2]), Number(zone[3])]
  const offset = (hours * 60 + minutes) * 60
  if (minutes > 59 || offset > 24 * 3600) return undefined
  const shift = BigInt(offset) * SECOND * (zone[1] === '-' ? -1n : 1n)
  return toMicroseconds(moment) + roundedMicroseconds(clock?.[4] ?? '') - shift
}

function dayOf(now: Microseconds, utc: boolean): number[] {
  const date = new Date(Number(now / 1000n))
  return utc
    ? [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
    : [date.getFullYear(), date.getMonth() + 1, date.getDate()]
}

/** Digits after the point of a second on a clock, which systemd rounds, as it does not with spans. */
function roundedMicroseconds(digits: string): bigint {
  return (fractionOf(10n * SECOND, digits) + 5n) / 10n
}

function unit(length: bigint, ...names: readonly string[]) {
  return names.map((name) => [name, length] as const)
}
