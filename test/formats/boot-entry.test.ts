import { describe, expect, test } from 'vitest'
import { FormatError } from '../../src/errors.ts'
import { parseBootEntry } from '../../src/formats/boot-entry.ts'

const parse = (text: string) => parseBootEntry(Buffer.from(text))

test('what a UKI is started with is read', () => {
  const entry = parse(
    '# a comment\ntitle\tTest\n uki   /EFI/Linux/a.efi \nprofile 1\r\noptions a  b\noptions c\nextra /x.cred\nextra\t/y.raw\nunknown z\nalone\n',
  )
  expect(entry).toEqual({
    image: '/EFI/Linux/a.efi',
    options: 'a  b c',
    profile: 1,
    extras: ['/x.cred', '/y.raw'],
  })
})

test('little is needed', () => {
  expect(parse('efi /a.efi')).toEqual({
    image: '/a.efi',
    options: undefined,
    profile: undefined,
    extras: [],
  })
})

describe('refuses', () => {
  test.each([
    ['nothing', '', 'no line starts with uki, efi, linux'],
    ['a key without value', 'uki\n', 'no line starts with uki, efi, linux'],
    [
      'a profile that is no number',
      'uki /a\nprofile x',
      "line 2: 'x' is not the number of a profile",
    ],
  ])('%s', (_, text, message) => {
    expect(() => parse(text)).toThrow(FormatError)
    expect(() => parse(text)).toThrow(message)
  })

  test('what is no text, and what is too much', () => {
    expect(() => parseBootEntry(Buffer.of(0xff))).toThrow('text is not UTF-8')
    expect(() => parseBootEntry(Buffer.alloc(1024 * 1024 + 1))).toThrow('at most 1048576 are read')
  })
})
