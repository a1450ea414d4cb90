import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/bytes/hex.ts'
import { assertOptions, encodeUtf16, mangle } from '../../../src/policies/predict/command-line.ts'
import {
  extraFolder,
  formatEspPath,
  parseEspPath,
} from '../../../src/policies/predict/extra-folder.ts'
import { selectFiles } from '../../../src/policies/predict/select-files.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { writeFiles } from '../boot-files.ts'

describe('a command line is mangled', () => {
  test.each([
    ['', ''],
    ['a', 'a'],
    ['  a  ', 'a'],
    ['\t\n a\tb\r\n', 'a b'],
    ['a  b', 'a  b'],
    ['a\t\tb', 'a  b'],
    ['\x7fa\x7fb\x7f', 'a b'],
    ['\x01\x1f', ''],
    ['a\u00a0b', 'a\u00a0b'],
    ['ü', 'ü'],
  ])('%j becomes %j', (line, mangled) => {
    expect(mangle(line)).toBe(mangled)
  })
})

test.each([
  ['', '0000'],
  ['a', '61000000'],
  ['ü', 'fc000000'],
  ['😀', '3dd800de0000'],
])('%j is measured as UTF-16 with a NUL', (line, hex) => {
  expect(toHex(encodeUtf16(line))).toBe(hex)
})

describe('options are refused', () => {
  test.each([
    ['a\tb', 'the options have the control character 0x09'],
    ['\x85', 'the options have the control character 0x85'],
    ['@1', "options that begin with '@' choose a profile"],
    ['@12 quiet', "options that begin with '@' choose a profile"],
    ['\ud800', 'the options are not valid Unicode'],
  ])('%j', (options, message) => {
    expect(() => assertOptions(options)).toThrow(message)
  })

  test.each(['', 'quiet', '@', '@x', '@1quiet', 'a\x7fb', ' a '])('but not %j', (options) => {
    expect(() => assertOptions(options)).not.toThrow()
  })
})

describe('the extra folder', () => {
  const cases = [
    ['/EFI/Linux/foo.efi', '\\EFI\\Linux\\foo.efi.extra.d'],
    ['\\EFI\\Linux\\foo+3-1.efi', '\\EFI\\Linux\\foo.efi.extra.d'],
    ['EFI/Linux/foo+3.efi', '\\EFI\\Linux\\foo.efi.extra.d'],
    ['EFI//./Linux/foo+0-12', '\\EFI\\Linux\\foo.extra.d'],
    ['EFI/Linux/6.1+deb+3.efi', '\\EFI\\Linux\\6.1+deb+3.efi.extra.d'],
    ['EFI/a+1/foo+3.efi', '\\EFI\\a+1\\foo+3.efi.extra.d'],
    ['EFI/Linux/foo+.efi', '\\EFI\\Linux\\foo+.efi.extra.d'],
    ['EFI/Linux/foo+3-.efi', '\\EFI\\Linux\\foo+3-.efi.extra.d'],
    ['EFI/Linux/foo+3x.efi', '\\EFI\\Linux\\foo+3x.efi.extra.d'],
    ['EFI/Linux/foo+3-1-1.efi', '\\EFI\\Linux\\foo+3-1-1.efi.extra.d'],
  ] as const
  test.each(cases)('of %s is %s', (path, folder) => {
    expect(formatEspPath(extraFolder(parseEspPath(path), true))).toBe(folder)
  })

  test('keeps the counter for old stubs', () => {
    const folder = extraFolder(parseEspPath('/EFI/Linux/foo+3-1.efi'), false)
    expect(formatEspPath(folder)).toBe('\\EFI\\Linux\\foo+3-1.efi.extra.d')
  })

  test.each(['', '/', '.', 'a/../b'])('is of no path %j', (path) => {
    expect(() => parseEspPath(path)).toThrow('is no path of a file on the ESP')
  })
})

describe('files are selected', () => {
  const folder = temporaryFolder()
  writeFiles(folder, {
    'Loader/Credentials/b.cred': '',
    'Loader/Credentials/a.CRED': '',
    'Loader/Credentials/B2.cred': '',
    'Loader/Credentials/.hidden.cred': '',
    'Loader/Credentials/ä.cred': '',
    'Loader/Credentials/cred': '',
    'Loader/Credentials/dir.cred/x': '',
    'Loader/Credentials/x.sysext.raw': '',
    'Loader/Credentials/y.confext.RAW': '',
    'Loader/Credentials/z.raw': '',
    'Loader/Credentials/q.Addon.efi': '',
    [`Loader/Credentials/${'n'.repeat(250)}.cred`]: '',
  })
  const names = async (...[kind, confexts]: [Parameters<typeof selectFiles>[2], boolean]) =>
    (await selectFiles(folder, ['loader', 'CREDENTIALS'], kind, confexts)).map(({ name }) => name)

  test('in the order of UTF-16, whatever the case of folder and suffix', async () => {
    expect(await names('credential', true)).toEqual([
      'B2.cred',
      'a.CRED',
      'b.cred',
      `${'n'.repeat(250)}.cred`,
    ])
  })

  test('confexts apart from sysexts, where the stub does', async () => {
    expect(await names('sysext', true)).toEqual(['x.sysext.raw', 'z.raw'])
    expect(await names('confext', true)).toEqual(['y.confext.RAW'])
    expect(await names('sysext', false)).toEqual(['x.sysext.raw', 'y.confext.RAW', 'z.raw'])
    expect(await names('confext', false)).toEqual([])
    expect(await names('addon', true)).toEqual(['q.Addon.efi'])
  })

  test('none where the folder is missing', async () => {
    expect(await selectFiles(folder, ['loader', 'addons'], 'addon', true)).toEqual([])
    expect(await selectFiles(folder, ['x', 'y', 'z'], 'addon', true)).toEqual([])
  })

  test('no two that are one to FAT, and none that it cannot hold', async () => {
    const twice = writeFiles(temporaryFolder(), { 'x/a.cred': '', 'x/A.cred': '' })
    await expect(selectFiles(twice, ['x'], 'credential', true)).rejects.toThrow(
      'has A.cred and a.cred: on FAT they are one',
    )
    const colon = writeFiles(temporaryFolder(), { 'x/a:b.cred': '' })
    await expect(selectFiles(colon, ['x'], 'credential', true)).rejects.toThrow(
      '\\x\\a:b.cred cannot be the name of a file on an ESP',
    )
  })

  test('none where a file is in the place of a folder, but an ESP has to be there', async () => {
    const file = writeFiles(temporaryFolder(), { loader: '', 'x/y': '' })
    expect(await selectFiles(file, ['loader', 'credentials'], 'credential', true)).toEqual([])
    expect(await selectFiles(file, ['x', 'y'], 'credential', true)).toEqual([])
    const missing = selectFiles(`${file}/no`, ['x'], 'credential', true)
    await expect(missing).rejects.toThrow('no such file')
  })
})
