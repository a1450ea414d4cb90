import { expect, test } from 'vitest'
import { readPassphraseFile } from '../../src/keys/passphrase.ts'
import { fileMaker } from './files.ts'

const writeFile = fileMaker()

const contents = [
  ['without a newline', 'secret', 'secret'],
  ['with one newline', 'secret\n', 'secret'],
  ['with one newline of Windows', 'secret\r\n', 'secret'],
  ['with two newlines, of which one belongs to it', 'secret\n\n', 'secret\n'],
  ['with a lone carriage return', 'secret\r', 'secret\r'],
  ['with spaces', ' se cret \n', ' se cret '],
  ['in UTF-8', 'schlüssel\n', 'schlüssel'],
  ['as long as they come', 'x'.repeat(1023), 'x'.repeat(1023)],
] as const
test.each(contents)('a passphrase %s', async (_, content, passphrase) => {
  const { bytes, warnings } = await readPassphraseFile(writeFile('passphrase', content))
  expect(new TextDecoder().decode(bytes)).toBe(passphrase)
  expect(warnings).toEqual([])
})

const refused = [
  ['an empty file', '', 'PASSPHRASE_NEEDED', 'is empty'],
  ['a newline and nothing else', '\n', 'PASSPHRASE_NEEDED', 'is empty'],
  ['more than OpenSSL takes', 'x'.repeat(1024), 'UNREADABLE', 'more than the 1023 bytes'],
] as const
test.each(refused)('refuses %s', async (_, content, code, message) => {
  await expect(readPassphraseFile(writeFile('passphrase', content))).rejects.toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  )
})

test.runIf(process.platform !== 'win32')(
  'a file that others can read gives a warning',
  async () => {
    const path = writeFile('open', 'secret', 0o640)
    expect((await readPassphraseFile(path)).warnings).toEqual([
      `passphrase file ${path} can be read by other users (chmod 600 it)`,
    ])
  },
)
