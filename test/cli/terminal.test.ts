import { describe, expect, test } from 'vitest'
import { environmentVariable } from '../../src/cli/context.ts'
import { formatJson } from '../../src/cli/json.ts'
import { progressLine } from '../../src/cli/progress.ts'
import { suggest } from '../../src/cli/suggest.ts'
import {
  formatPairs,
  formatSize,
  paint,
  printable,
  printableClaim,
} from '../../src/cli/terminal.ts'
import { fakeContext } from './fake-context.ts'

describe('colours are used', () => {
  test.each([
    ['on a terminal', true, {}, true],
    ['not in a pipe', false, {}, false],
    ['not with NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['with an empty NO_COLOR', true, { NO_COLOR: '' }, true],
    ['not on a dumb terminal', true, { TERM: 'dumb' }, false],
    ['in a pipe with FORCE_COLOR', false, { FORCE_COLOR: '1' }, true],
    ['not with FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, false],
    ['not with NO_COLOR beside FORCE_COLOR', true, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
  ])('%s', (_, terminal, environment: Record<string, string>, coloured) => {
    const context = fakeContext({ terminal, environment })
    expect(paint(context, context.stdout, 'green', 'ok')).toBe(
      coloured ? '\x1b[32mok\x1b[39m' : 'ok',
    )
  })
})

test('a variable that is empty or blank counts as not set', () => {
  const context = fakeContext({ environment: { A: '', B: '  ', C: ' 1 ' } })
  expect(['A', 'B', 'C', 'D'].map((name) => environmentVariable(context, name))).toEqual([
    undefined,
    undefined,
    '1',
    undefined,
  ])
})

test('control and direction characters are spelled out', () => {
  expect(printable('a\x1b]0;t\x07\u009b\u202eä\ud800日\t')).toBe(
    'a\\x1b]0;t\\x07\\x9b\\u202eä\\ud800日\\x09',
  )
  expect(printable('a\nb\t', '\n')).toBe('a\nb\\x09')
  // Not seen, or only what they do to others: zero width, soft hyphen, fillers, tags.
  expect(printable('a\u200b\u00ad\ufeff\u3164\u{e0041}é')).toBe(
    'a\\u200b\\xad\\ufeff\\u3164\\u{e0041}é',
  )
})

test('a claim does not fill lines with blanks', () => {
  expect(printableClaim('hello.raw: a b c')).toBe('hello.raw: a b c')
  expect(printableClaim('a  \u00a0b   c\n\u3000')).toBe('a \\x20\\xa0b \\x20\\x20c\\x0a\\u3000')
  expect(printableClaim(' a ')).toBe('\\x20a ')
})

test('sizes are rounded to three digits', () => {
  expect([0, 1023, 1024, 1536, 200 * 2 ** 20, 5 * 2 ** 40].map(formatSize)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.0 KiB',
    '1.5 KiB',
    '200 MiB',
    '5.0 TiB',
  ])
})

test('pairs align', () => {
  expect(
    formatPairs([
      ['a', '1'],
      ['root hash', 'x'],
    ]),
  ).toBe('  a          1\n  root hash  x\n')
})

describe('JSON', () => {
  test('keeps the order, drops what is undefined, spells bytes and large numbers', () => {
    const value = {
      z: 1,
      a: undefined,
      bytes: Uint8Array.of(0, 255),
      small: 5n,
      large: 2n ** 64n,
      date: new Date(0),
      map: new Map([['k', [null, true]]]),
    }
    expect(formatJson(value)).toBe(
      '{\n  "z": 1,\n  "bytes": "00ff",\n  "small": 5,\n  "large": "18446744073709551616",\n' +
        '  "date": "1970-01-01T00:00:00.000Z",\n  "map": {\n    "k": [\n      null,\n      true\n    ]\n  }\n}\n',
    )
  })

  test('holds no control character and reads back as it was', () => {
    const name = 'a\x1b\x7f\x9b\u202e\u2028\n"'
    const text = formatJson({ name })
    expect(text).not.toMatch(/[^\n\x20-\x7e]/)
    expect(JSON.parse(text)).toEqual({ name })
  })
})

describe('the nearest word', () => {
  const words = ['sysext', 'confext', 'verify', 'inspect', 'keys', 'ls']
  test.each([
    ['verfy', 'verify'],
    ['sysetx', 'sysext'],
    ['konfext', 'confext'],
    ['insp', 'inspect'],
    ['key', 'keys'],
    ['l', 'ls'],
    ['build', undefined],
    ['x', undefined],
  ])('to %s is %s', (word, expected) => {
    expect(suggest(word, words)).toBe(expected)
  })
})

describe('progress', () => {
  function draw(options: { terminal: boolean; environment?: Record<string, string> }): string {
    let time = 0
    const context = { ...fakeContext(options), now: () => new Date(time) }
    const line = progressLine(context)
    time = 1000
    line.update({ step: 'read', done: 0, total: 200 })
    time = 1050
    line.update({ step: 'read', done: 50, total: 200 })
    time = 1100
    line.update({ step: 'read', done: 100, total: 200 })
    line.update({ step: 'sync', done: 0, total: 0 })
    line.clear()
    return context.written.stderr
  }

  test('is one line that is drawn anew, at most every 80 ms or with the next step', () => {
    expect(draw({ terminal: true })).toBe(
      '\r\x1b[Kpacking files\r\x1b[Kpacking files 50 %\r\x1b[Kwriting to disk\r\x1b[K',
    )
  })

  test('is silent in a pipe, in CI and on a dumb terminal', () => {
    expect(draw({ terminal: false })).toBe('')
    expect(draw({ terminal: true, environment: { CI: 'true' } })).toBe('')
    expect(draw({ terminal: true, environment: { TERM: 'dumb' } })).toBe('')
  })
})
