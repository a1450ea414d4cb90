/**
 * Times as systemd.time(7) writes them: `2026-12-31 12:00 UTC`, `@1700000000`, `+1week`, `today`.
 *
 * Where no time zone is named it is the local one. Zones by name other than UTC, and days of the
 * week, are not read.
 */

import type { Microseconds } from '../formats/credential/metadata.ts'

const SECOND = 1_000_000
const DAY = 86_400

/** Seconds in a unit of time; a month and a year are averages. */
const UNITS: Readonly<Record<string, number>> = {
  ...unit(1e-6, 'usec', 'us', 'µs'),
  ...unit(1e-3, 'msec', 'ms'),
  ...unit(1, '', 's', 'sec', 'second', 'seconds'),
  ...unit(60, 'm', 'min', 'minute', 'minutes'),
  ...unit(3600, 'h', 'hr', 'hour', 'hours'),
  ...unit(DAY, 'd', 'day', 'days'),
  ...unit(7 * DAY, 'w', 'week', 'weeks'),
  ...unit(30.4375 * DAY, 'M', 'month', 'months'),
  ...unit(365.25 * DAY, 'y', 'year', 'years'),
}

/** The moment that `text` means at the moment `now`, or undefined where it means none. */
export function parseTime(text: string, now: Microseconds): Microseconds | undefined {
  const trimmed = text.trim()
  const epoch = /^@(\d{1,14})(?:\.(\d{1,6}))?$/.exec(trimmed)
  if (epoch) return BigInt(epoch[1]!) * BigInt(SECOND) + fraction(epoch[2])
  const relative = /^([+-])(.*)$/s.exec(trimmed) ?? /^()(.*) ago$/s.exec(trimmed)
  if (relative) {
    const span = parseSpan(relative[2]!)
    if (span === undefined) return undefined
    const moment = relative[1] === '+' ? now + span : now - span
    return moment < 0n ? undefined : moment
  }
  return parseDay(trimmed, now) ?? parseDate(trimmed, now)
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

/** `1h 30min` in microseconds. */
function parseSpan(text: string): bigint | undefined {
  const parts = [...text.matchAll(/\s*(\d{1,12}(?:\.\d{1,9})?)\s*([A-Za-zµ]*)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text.trimEnd()) {
    return undefined
  }
  let total = 0
  for (const [, count = '', name = ''] of parts) {
    const seconds = UNITS[name]
    if (seconds === undefined) return undefined
    total += Number(count) * seconds * SECOND
  }
  return Number.isSafeInteger(Math.round(total)) ? BigInt(Math.round(total)) : undefined
}

function parseDay(text: string, now: Microseconds): Microseconds | undefined {
  if (text === 'now') return now
  const days = { yesterday: -1, today: 0, tomorrow: 1 }[text]
  if (days === undefined) return undefined
  const date = new Date(Number(now / 1000n))
  date.setHours(0, 0, 0, 0)
  date.setDate(date.getDate() + days)
  return toMicroseconds(date)
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](?=\d)|(?= UTC$)|$)/
const CLOCK = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?/
const ZONE = /^(?: ?(?:UTC|Z)| ?([+-])(\d\d):?(\d\d))?$/

function parseDate(text: string, now: Microseconds): Microseconds | undefined {
  const date = DATE.exec(text)
  const rest = text.slice(date?.[0].length ?? 0)
  const clock = CLOCK.exec(rest)
  const zone = ZONE.exec(rest.slice(clock?.[0].length ?? 0))
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
  const offset = zone[1] === undefined ? 0 : (Number(zone[2]) * 60 + Number(zone[3])) * 60
  const shift = BigInt(offset * SECOND) * (zone[1] === '-' ? -1n : 1n)
  const micros = toMicroseconds(moment) + fraction(clock?.[4]) - shift
  return micros < 0n ? undefined : micros
}

function dayOf(now: Microseconds, utc: boolean): number[] {
  const date = new Date(Number(now / 1000n))
  return utc
    ? [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
    : [date.getFullYear(), date.getMonth() + 1, date.getDate()]
}

/** Digits after the point of a second, in microseconds. */
function fraction(digits = ''): bigint {
  return BigInt(digits.padEnd(6, '0'))
}

function unit(seconds: number, ...names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, seconds]))
}
