import { describe, expect, test } from 'vitest'
import { formatTime, LAST_TIME, parseTime, toMicroseconds } from '../../src/credentials/time.ts'

const OBJECT_NAMES = Object.getOwnPropertyNames(Object.prototype)

/** 2026-11-20 15:04:05.678901 UTC. */
const NOW = 1_795_187_045_678_901n
const iso = (text: string) => {
  const time = parseTime(text, NOW)
  return time === undefined ? undefined : formatTime(time)
}

test.each([
  ['2027-01-31 UTC', '2027-01-31T00:00:00Z'],
  ['2027-01-31 12:30 UTC', '2027-01-31T12:30:00Z'],
  ['2027-1-31 2:3:4 UTC', '2027-01-31T02:03:04Z'],
  ['2027-01-31 12:30:15 UTC', '2027-01-31T12:30:15Z'],
  ['2027-01-31 12:30:15.25 UTC', '2027-01-31T12:30:15.250Z'],
  ['2027-01-31T12:30:15Z', '2027-01-31T12:30:15Z'],
  ['2027-01-31T12:30:15+02:00', '2027-01-31T10:30:15Z'],
  ['2027-01-31T23:30:15-0130', '2027-02-01T01:00:15Z'],
  ['2028-02-29 UTC', '2028-02-29T00:00:00Z'],
  ['12:30 UTC', '2026-11-20T12:30:00Z'],
  ['@1700000000', '2023-11-14T22:13:20Z'],
  ['@0 ', '1970-01-01T00:00:00Z'],
  ['+1week', '2026-11-27T15:04:05.678Z'],
  ['+1h 30min', '2026-11-20T16:34:05.678Z'],
  ['+ 1.5 h', '2026-11-20T16:34:05.678Z'],
  ['+90', '2026-11-20T15:05:35.678Z'],
  ['-1d', '2026-11-19T15:04:05.678Z'],
  ['2 days ago', '2026-11-18T15:04:05.678Z'],
  ['1 week left', '2026-11-27T15:04:05.678Z'],
  ['+1 h 30', '2026-11-20T16:04:35.678Z'],
  ['+.5s', '2026-11-20T15:04:06.178Z'],
  // More microseconds than numbers of JavaScript keep exactly.
  ['+300y', '2326-11-23T15:04:05.678Z'],
  ['+7972y', '9999-01-19T15:04:05.678Z'],
  ['9999-12-30 23:59:59 UTC', '9999-12-30T23:59:59Z'],
  ['@253402214400', '9999-12-31T00:00:00Z'],
  ['@18446744073708', '@18446744073708'],
  ['2027-01-01 12:00:00.1234567 UTC', '2027-01-01T12:00:00.123Z'],
])('%j is %s', (text, expected) => {
  expect(iso(text)).toBe(expected)
})

test('parts of seconds are kept', () => {
  expect(parseTime('@1.5', NOW)).toBe(1_500_000n)
  expect(parseTime('@1.000001', NOW)).toBe(1_000_001n)
  expect(parseTime('@1.1234567', NOW)).toBe(1_123_456n)
  expect(parseTime('@.5', NOW)).toBe(500_000n)
  expect(parseTime('+1us', NOW)).toBe(NOW + 1n)
  // The micro sign and the Greek letter.
  expect(parseTime('+1\u00b5s', NOW)).toBe(NOW + 1n)
  expect(parseTime('+1\u03bcs', NOW)).toBe(NOW + 1n)
  expect(parseTime('@18446744073708s 1551614us', NOW)).toBe(LAST_TIME)
  expect(parseTime('now', NOW)).toBe(NOW)
})

test('without a zone it is local', () => {
  const local = (...parts: [number, number, number, number?, number?]) =>
    toMicroseconds(new Date(...parts))
  expect(parseTime('2027-01-31', NOW)).toBe(local(2027, 0, 31))
  expect(parseTime('2027-07-31 12:30', NOW)).toBe(local(2027, 6, 31, 12, 30))
  const day = new Date(Number(NOW / 1000n))
  const at = (days: number) => local(day.getFullYear(), day.getMonth(), day.getDate() + days)
  expect(parseTime('today', NOW)).toBe(at(0))
  expect(parseTime('yesterday', NOW)).toBe(at(-1))
  expect(parseTime('tomorrow', NOW)).toBe(at(1))
})

test.each([
  '',
  'soon',
  'infinity',
  '1week',
  '+',
  '+1 fortnight',
  '+1h x',
  '-100y',
  '@-1',
  // The number that means no time, and what would begin again at 1970.
  '@18446744073709.551615',
  '@18446744073708s 1551615us',
  // What systemd does not let a number and its unit lead to, though 64 bits would hold it.
  '@18446744073709.551614',
  '@18446744073709',
  '@9223372036854775808us',
  '@584542y',
  '@1.5.5',
  '2027-01-01 12:00+0200',
  '2027-01-01 UTC ',
  '@1\u00a0s',
  '@18446744073710',
  '@18446744075509',
  '@999999999999999',
  `@${'9'.repeat(200)}`,
  `+${'9'.repeat(9999)}`,
  '+7973y',
  '+1000000y',
  '9999-12-31 UTC',
  '10000-01-01 UTC',
  '+1e3',
  '@1.5.5',
  '+1.5.5h',
  '+5.',
  '@',
  '+5s ago',
  '1970-01-01 00:00 +0100',
  ...OBJECT_NAMES,
  ...OBJECT_NAMES.map((name) => `+1${name}`),
  '2027-02-29 UTC',
  '2027-13-01',
  '2027-1',
  ' +0200',
  ' @0',
  ' now',
  '2027-01-01 24:00 UTC',
  '2027-01-01 12:60 UTC',
  '2027-01-01 12:00 +2401',
  '2027-01-01 12:00 +0060',
  '2027-01-01 12 UTC',
  '2027-01-01 12:00 Europe/Berlin',
  '2027-01-0112:00',
  '1969-12-31 UTC',
])('%j is no time', (text) => {
  expect(parseTime(text, NOW)).toBeUndefined()
})

describe('a time', () => {
  test.each([
    [0n, '1970-01-01T00:00:00Z'],
    [1_700_000_000_000_000n, '2023-11-14T22:13:20Z'],
    [1_700_000_000_250_999n, '2023-11-14T22:13:20.250Z'],
    [0xffff_ffff_ffff_fffen, '@18446744073709'],
  ])('of %s microseconds is written %s', (time, text) => {
    expect(formatTime(time)).toBe(text)
  })
})
