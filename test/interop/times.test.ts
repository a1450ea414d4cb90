/** Times as both generations of systemd read them. */

import { describe, expect, test } from 'vitest'
import { parseTime, toMicroseconds } from '../../src/credentials/time.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const MOMENTS = [
  '@0',
  '@.5',
  '@1.1234567',
  '@253402300800',
  '@9223372036854.775807',
  '@9223372036855',
  '@18446744073708.999999',
  '@18446744073708s 1551614us',
  '@9223372036854775807us',
  '@9223372036854775807us 9223372036854775807us',
  '@584541.9999999y',
  '@18446744073709550.999ms',
  '@.123456789012y',
  '@.77777777777d',
  '@1.5 .5',
  '@1s.5',
  '2027-01-01T12:00+02:00',
  '2027-01-01T12:00 +02:00',
  '9999-12-30 23:59:59 UTC',
  '2027-01-01 12:00:00.1234567 UTC',
  '2027-01-01 12:00 +0200',
  '2027-01-01 12:00 -2400',
  '2028-02-29 UTC',
  '2027-7-2 1:2:3 UTC',
  ' 2027-07-02 UTC',
  '2027-07-02T1:02Z',
]
const SPANS = [
  '+300y',
  '+7972y',
  '+1 h 30',
  '+1.5h',
  '+.5w',
  '2 weeks left',
  '3 days ago',
  '-1M',
  ' 1week ago',
]
const REFUSED = [
  '@18446744073710',
  '@18446744073709',
  '@18446744073709.551614',
  '@18446744073708s 1551615us',
  '@9223372036854775808us',
  '@18446744073709551614us',
  '@18446744073709551ms',
  '@307445734561min',
  '@5124095576h',
  '@213503982d',
  '@30500568w',
  '@7014504M',
  '@584542y',
  '@1.5.5',
  '@1\u00a0s',
  '2027-01-01 12:00+0200',
  '2027-01-01 UTC ',
  '@99999999999999999999',
  '@-1',
  '@1e3',
  '@1.5.5',
  '+7973y',
  '+1000000y',
  '-100y',
  '+1 constructor',
  'constructor',
  '9999-12-31 UTC',
  '10000-01-01 UTC',
  '1969-12-31 UTC',
  '1970-01-01 00:00 +0100',
  '2027-01-01 12:60 UTC',
  '2027-01-01 12:00 +2401',
  '2027-01-01 12:00 +0060',
  ' +2',
  ' +1week',
  ' @5',
  ' today',
  ' +0200',
  ' -24:00',
  '\n +023',
]

const SCRIPT = `for text; do
  systemd-analyze timestamp -- "$text" 2>/dev/null | sed -n 's/.*UNIX seconds: //p' | grep . || echo none
done`

describe.runIf(available('root', 'tree:trixie', 'tree:sid'))('a time', () => {
  const folder = temporaryFolder()
  const now = () => toMicroseconds(new Date())

  test.each(GENERATIONS)('is that of %s', (_, tree) => {
    const texts = [...MOMENTS, ...SPANS, ...REFUSED]
    const begin = now()
    const lines = outputInTree(tree, folder, 'sh', ['-c', SCRIPT, 'sh', ...texts]).split('\n')
    const end = now()
    const theirs = new Map(texts.map((text, index) => [text, momentOf(lines[index] ?? '')]))
    for (const text of [...MOMENTS, ...REFUSED]) {
      expect({ text, time: parseTime(text, end) }).toEqual({ text, time: theirs.get(text) })
    }
    for (const text of SPANS) {
      expect(theirs.get(text), text).toBeGreaterThanOrEqual(parseTime(text, begin)!)
      expect(theirs.get(text), text).toBeLessThanOrEqual(parseTime(text, end)!)
    }
    expect(REFUSED.map((text) => theirs.get(text))).toEqual(REFUSED.map(() => undefined))
  })
})

/** `@1700000000.5` in microseconds; undefined where it was refused. */
function momentOf(line: string): bigint | undefined {
  const [, seconds, micros = ''] = /^@(\d+)(?:\.(\d+))?$/.exec(line) ?? []
  return seconds === undefined
    ? undefined
    : BigInt(seconds) * 1_000_000n + BigInt(micros.padEnd(6, '0'))
}
