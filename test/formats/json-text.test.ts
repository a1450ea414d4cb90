import { expect, test } from 'vitest'
import { formatJsonText } from '../../src/formats/json-text.ts'

const VALUE = { a: [1, 'ä"\n\u0001', null], empty: {}, none: [], yes: true }

test('short has no blanks', () => {
  expect(formatJsonText(VALUE, 'short')).toBe(
    '{"a":[1,"ä\\"\\n\\u0001",null],"empty":{},"none":[],"yes":true}',
  )
})

test('pretty is what systemd prints', () => {
  expect(formatJsonText(VALUE, 'pretty')).toBe(
    '{\n\t"a" : [\n\t\t1,\n\t\t"ä\\"\\n\\u0001",\n\t\tnull\n\t],\n\t"empty" : {},\n\t"none" : [],\n\t"yes" : true\n}',
  )
})

test('python is what its json module writes', () => {
  expect(formatJsonText({ ...VALUE, far: '😀' }, 'python')).toBe(
    '{"a": [1, "\\u00e4\\"\\n\\u0001", null], "empty": {}, "none": [], "yes": true, "far": "\\ud83d\\ude00"}',
  )
})

test('all of them are read as the same value', () => {
  for (const style of ['short', 'pretty', 'python'] as const) {
    expect(JSON.parse(formatJsonText(VALUE, style))).toEqual(VALUE)
  }
})
