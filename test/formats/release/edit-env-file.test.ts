import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { editEnvFile } from '../../../src/formats/release/edit-env-file.ts'
import { parseEnvFile } from '../../../src/formats/release/env-file.ts'

const edit = (text: string, fields: Record<string, string>) =>
  new TextDecoder().decode(editEnvFile(encodeUtf8(text), new Map(Object.entries(fields)), 'x'))

test.each<[string, string, Record<string, string>, string]>([
  ['keeps a file that says it already', 'A = "1"\n#c', { A: '1' }, 'A = "1"\n#c'],
  ['replaces a line where it stands', '#c\nA=1 \nB=2\n', { A: '3' }, '#c\nA=3\nB=2\n'],
  ['replaces a value over two lines', "A='1\n2'\nB=2\n", { A: '3' }, 'A=3\nB=2\n'],
  ['replaces the duplicate that counts', 'A=1\nA=2\nB=2\n', { A: '3' }, 'A=1\nA=3\nB=2\n'],
  ['adds new fields at the end', 'A=1\n', { B: '2', C: 'x y' }, 'A=1\nB=2\nC="x y"\n'],
  ['ends the last line first', 'A=1', { B: '2' }, 'A=1\nB=2\n'],
  ['ends a last comment first', '#c', { B: '2' }, '#c\nB=2\n'],
  ['writes into an empty file', '', { B: '2' }, 'B=2\n'],
  ['replaces and adds', 'A=1\nB=2', { B: '3', C: '4' }, 'A=1\nB=3\nC=4\n'],
  ['replaces in any order', 'A=1\nB=2\nC=3\n', { C: 'c', A: 'a' }, 'A=a\nB=2\nC=c\n'],
  ['closes an open quote it replaces', 'A="1\n', { A: '2', B: '3' }, 'A=2\nB=3\n'],
])('%s', (_, text, fields, expected) => {
  expect(edit(text, fields)).toBe(expected)
})

test.each(['A="1', "A='1\n", 'A=1\\\n', 'A=1\\'])('refuses to add behind %j', (text) => {
  expect(() => edit(text, { B: '2' })).toThrow('the last line ends in an open quote or a backslash')
})

test('sets what was asked and leaves the rest', () => {
  const line = fc.constantFrom(
    'A=1',
    ' B = "x y"',
    '#c',
    'C',
    "D='1\n2'",
    'A=2',
    '',
    '=q=1',
    'E=\\$',
  )
  const text = fc.array(line).map((lines) => lines.join('\n'))
  const fields = fc.dictionary(
    fc.constantFrom('A', 'B', 'D', 'F', 'G'),
    fc.constantFrom('', 'é', '$'),
  )
  fc.assert(
    fc.property(text, fields, (before, wanted) => {
      const merged = new Map([...parseEnvFile(encodeUtf8(before), 'x'), ...Object.entries(wanted)])
      expect(parseEnvFile(encodeUtf8(edit(before, wanted)), 'x')).toEqual(merged)
    }),
  )
})
