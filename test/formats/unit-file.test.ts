import { expect, test } from 'vitest'
import { MAX_LINE, processSectionsOf, readUnitFile } from '../../src/formats/unit-file.ts'

/** `line section key=value` of each setting; found to be what systemd 257 and 262 read. */
const read = (text: string) =>
  [...readUnitFile(text)].map((each) =>
    each.key === undefined
      ? `${each.line} [${each.section}]`
      : `${each.line} ${each.section} ${each.key}=${each.value}`,
  )

test.each([
  ['settings of sections', '[A]\nx=1\n\n[B]\ny = 2 \n', ['1 [A]', '2 A x=1', '4 [B]', '5 B y=2']],
  ['a setting without a section', 'x=1', ['1 undefined x=1']],
  ['comments', '# x=1\n ;y=2 \\\nz=3', ['3 undefined z=3']],
  ['joined lines', 'x=1 \\\n  2\\\n3\ny=4', ['1 undefined x=1    2 3', '4 undefined y=4']],
  ['comments between joined lines', 'x=1 \\\n# \\\n  ; y\n 2', ['1 undefined x=1   2']],
  ['an empty line ends what is joined', 'x=1 \\\n\n2', ['1 undefined x=1']],
  ['a line that is joined to the end of the file', 'x=1 \\\n 2 \\', ['1 undefined x=1   2']],
  [
    'two backslashes, which join nothing',
    'x=1\\\\\ny=2',
    ['1 undefined x=1\\\\', '2 undefined y=2'],
  ],
  ['three backslashes, which do', 'x=1\\\\\\\ny=2', ['1 undefined x=1\\\\ y=2']],
  ['a backslash with a blank behind it', 'x=1\\ \ny=2', ['1 undefined x=1\\', '2 undefined y=2']],
  ['a header that is joined', 'x=\\\n[A]\ny=1', ['1 undefined x=[A]', '3 undefined y=1']],
  ['a key that is joined', 'x\\\ny=1', ['1 undefined x y=1']],
  ['other ends of lines', 'a=1\r\nb=2\rc=3\n\rd=4\0e=5', ['a=1', 'b=2', 'c=3', 'd=4', 'e=5']],
  ['a byte order mark', '\xef\xbb\xbf[A]\nx=1', ['1 [A]', '2 A x=1']],
  ['one in a later line', '[A]\n\xef\xbb\xbfx=1', ['1 [A]', '2 A x=1']],
  ['one in front of a comment, which makes it none', '\xef\xbb\xbf# x \\\n[A]', []],
  ['white space that is none to systemd', '\x0cx=1\xc2\xa0', ['1 undefined \x0cx=1\xc2\xa0']],
  ['a setting without a value', 'x=\ny', ['1 undefined x=']],
])('%s', (what, text, expected) => {
  const found = read(text)
  if (what === 'other ends of lines') {
    expect(found.map((each) => each.split(' ').at(-1))).toEqual(expected)
  } else expect(found).toEqual(expected)
})

test('tells where in the file each character of a value stands', () => {
  const text = '[A]\n\xef\xbb\xbfx= ab\\\r\n# c\r\n  de \\\r\n f\r\n'
  const [, setting] = [...readUnitFile(text)]
  if (setting?.key === undefined) throw new Error('no setting')
  for (const letter of 'abdef') {
    expect(text[setting.offsetOf(setting.value.indexOf(letter))]).toBe(letter)
  }
})

test('refuses lines that systemd does not read, alone or joined', () => {
  const longest = `x=${'a'.repeat(MAX_LINE - 3)}`
  expect(read(longest)).toHaveLength(1)
  expect(() => read(`${longest}a`)).toThrow('unit file: line 1 has more than 1048576 bytes')
  expect(() => read(`#${longest}`)).toThrow('line 1 has more')
  const joined = `y=1\n${longest.slice(0, -1)}\\\n`
  expect(read(`${joined}b`)).toHaveLength(2)
  expect(() => read(`${joined}bb`)).toThrow('line 2 has more')
})

test.each([
  '[A]junk',
  '[A',
  '[',
  '[]',
  '[A] # x',
  'x=1\n[A',
  '[a"b]',
  "[a'b]",
  '[a\\b]',
  '[a*b]',
  '[a?]',
  '[[a]]',
  '[a\tb]',
  '[a\x7f]',
  '[a]\\\n[b]',
])('refuses the header in %j', (text) => {
  expect(() => read(text)).toThrow(
    /line \d: it is not the header of a section, \[Name\], and systemd refu/,
  )
})

test.each(['[ A ]', '[a]b]', '[a{b}]', '[a/b=c]', '[\xc3\xa9]', '[A] \t', '[ ]'])(
  'takes the header %j',
  (text) => expect(read(text)).toHaveLength(1),
)

test.each(['x=\xe9', '\xe9', 'x=1\n[\xe9]', 'x=\xef\xbf\xbe', 'x=\xed\xa0\x80'])(
  'refuses %j, which is not UTF-8 to systemd',
  (text) => {
    expect(() => read(text)).toThrow('it is not UTF-8, and systemd refuses the file')
    expect(read(`# ${text.split('\n')[0]}`)).toEqual([])
  },
)

test.each([
  ['/etc/systemd/system/app.service', ['Service']],
  ['app@x.service', ['Service']],
  ['app.service.d/10-x.conf', ['Service']],
  ['service.d/x.conf', ['Service']],
  ['app-.socket.d/x.conf', ['Socket']],
  ['x.mount', ['Mount']],
  ['x.swap', ['Swap']],
  ['x.timer', []],
  ['x.slice.d/x.conf', []],
  ['sealed/x.conf', undefined],
  ['x.conf', undefined],
  ['service', undefined],
  ['db.cred', undefined],
  ['db', undefined],
  ['-', undefined],
])('%s has its processes in %j', (path, sections) => {
  expect(processSectionsOf(path)).toEqual(sections)
})

test('takes no longer for many blanks or many lines', () => {
  expect(read(`x${' '.repeat(500_000)}y=1`)).toHaveLength(1)
  expect(read(`x=${'\\\n'.repeat(200_000)}`)).toEqual(['1 undefined x='])
})
