import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  findNameProblem,
  hasCredentialSuffix,
  nameOfFile,
} from '../../../src/formats/credential/name.ts'
import {
  formatCredential,
  formatUnitSetting,
  parseCredentialText,
} from '../../../src/formats/credential/text.ts'
import { readVector } from './vectors.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const { credential } = readVector('null')

const FILE = `BYRp2vb1QySABUnaD46i+yAAAAABAAAADAAAABAAAAAAAQIDBAUGBwgJCgsAAAAAa/bWj5/NPD0lrky
qK1qcSkn3PFVZOQPYu8qTRehLR/mjE2taiOb2biVVXO2qbZw=
`

const SETTING = `SetCredentialEncrypted=foo: \\
        BYRp2vb1QySABUnaD46i+yAAAAABAAAADAAAABAAAAAAAQIDBAUGBwgJCgsAAAAAa/bWj \\
        5/NPD0lrkyqK1qcSkn3PFVZOQPYu8qTRehLR/mjE2taiOb2biVVXO2qbZw=
`

test('a file has lines of 79 characters', () => {
  expect(formatCredential(credential)).toBe(FILE)
})

test('a setting has lines of 69 characters and is continued', () => {
  expect(formatUnitSetting('foo', credential)).toBe(SETTING)
})

test.each([
  ['a%b', 'a%%b'],
  ['a\\b', 'a\\\\b'],
  [' a ', '\\ a '],
  ['%\\%', '%%\\\\%%'],
])('a unit reads the name %j as it is meant', (name, written) => {
  const setting = formatUnitSetting(name, credential)
  expect(setting.split(':')[0]).toBe(`SetCredentialEncrypted=${written}`)
  expect(parseCredentialText(bytes(setting))).toEqual({ bytes: credential, unitName: name })
})

test.each([
  ['a file', FILE, undefined],
  ['a file with other line ends', FILE.replaceAll('\n', '\r\n\t '), undefined],
  ['one line', FILE.replaceAll('\n', ''), undefined],
  ['a setting', SETTING, 'foo'],
  ['a setting with other line ends', `\r\n${SETTING.replaceAll('\n', '\r\n')}`, 'foo'],
  ['a setting in one line', SETTING.replaceAll(/\s*\\\n\s*/g, ''), 'foo'],
])('reads %s', (_, text, unitName) => {
  expect(parseCredentialText(bytes(text))).toEqual({ bytes: credential, unitName })
})

describe('refuses', () => {
  test.each([
    ['nothing', '', 'there is nothing in it'],
    ['white space', ' \n', 'there is nothing in it'],
    ['a plain secret', 'pass-word', 'text is not base64 at byte 4'],
    ['a byte that is no text', 'AAAA\0', 'text is not base64 at byte 4'],
    ['a missing character', FILE.replace('B', ''), 'base64 text is incomplete'],
    ['missing padding', FILE.replace('=', ''), 'base64 text is incomplete'],
    ['padding in the middle', FILE.replace('v', '='), 'base64 text is incomplete'],
    ['bits after the end', FILE.replace('w=', 'x='), 'base64 text is incomplete'],
    ['another setting', SETTING.replace('Encrypted', ''), 'text is not base64 at byte 17'],
    ['a backslash within a line', SETTING.replace('BY', 'B\\Y'), 'line 1: the value is not base64'],
    ['two settings', `${SETTING}${SETTING}`, 'there are 2 credentials in it'],
  ])('%s', (_, text, message) => {
    expect(() => parseCredentialText(bytes(text))).toThrow(`credential: ${message}`)
  })

  test('more than systemd reads', () => {
    const refused = expect(() => parseCredentialText(new Uint8Array(3_538_945).fill(0x41)))
    refused.toThrow(expect.objectContaining({ code: 'TOO_LARGE' }))
  })
})

test('what is written is read again', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (content) => {
      expect(parseCredentialText(bytes(formatCredential(content))).bytes).toEqual(content)
      expect(parseCredentialText(bytes(formatUnitSetting('x', content))).bytes).toEqual(content)
    }),
  )
})

test.each([
  ['foo', undefined],
  ['network.wireguard.10 a', undefined],
  ['a'.repeat(255), undefined],
  ['', 'it is empty'],
  ['.', "'.' is a folder"],
  ['..', "'..' is a folder"],
  ['a/b', "'/' is not allowed"],
  ['a:b', "':' is not allowed"],
  ['a\nb', 'only printable ASCII characters are allowed'],
  ['ä', 'only printable ASCII characters are allowed'],
  ['a\x7f', 'only printable ASCII characters are allowed'],
  ['a'.repeat(256), 'it has 256 bytes, 255 are allowed'],
])('the name %j: %s', (name, problem) => {
  expect(findNameProblem(name)).toBe(problem)
})

test.each([
  ['foo.cred', 'foo', true],
  ['foo.CRED', 'foo', true],
  ['a.cred.cred', 'a.cred', true],
  ['foo', 'foo', false],
  ['foo.credential', 'foo.credential', false],
  ['.cred', '.cred', false],
])('the file %s is the credential %s', (file, name, suffix) => {
  expect(nameOfFile(file)).toBe(name)
  expect(hasCredentialSuffix(file)).toBe(suffix)
})
