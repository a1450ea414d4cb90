import { linkSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkManifest, readEntries } from '../../src/cli/credential/manifest.ts'
import { findTableLines } from '../../src/cli/credential/toml-lines.ts'
import { UsageErrors } from '../../src/cli/errors.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** The entries of a manifest that comes in pieces. */
async function parseManifest(text: string, name: string) {
  const bytes = new TextEncoder().encode(text)
  const content = {
    async *blocks() {
      for (let at = 0; at < bytes.length; at += 7) yield bytes.slice(at, at + 7)
    },
  }
  const count = await checkManifest(content, name)
  const entries = []
  for await (const entry of readEntries(content)) entries.push(entry)
  expect(entries).toHaveLength(count)
  return entries
}

/** What is wrong with a manifest. */
async function mistakes(text: string): Promise<readonly string[]> {
  const refused: unknown = await parseManifest(text, 'FILE').catch((error) => error)
  expect(refused).toBeInstanceOf(UsageErrors)
  return (refused as UsageErrors).errors.map(({ message }) => message)
}

/** Fields of one credential that are wrong, and what is said about them. */
const WRONG_FIELDS: readonly (readonly [Record<string, unknown>, string])[] = [
  [{ output: 'x' }, 'one of "input", "environment", "command" is needed'],
  [{ input: 'a', command: ['b'], output: 'x' }, 'one of "input", "environment", "command" is'],
  [{ input: 'a' }, '"output" is missing'],
  [{ input: 'a', output: '' }, '"output" is missing'],
  [{ input: 'a', output: ['x'] }, '"output" is missing'],
  [{ input: 'a', output: '-' }, '"output" has to be a file'],
  [{ input: 7, output: 'x' }, '"input" is not a text'],
  [{ input: '', output: 'x' }, '"input" is not a text'],
  [{ environment: true, output: 'x' }, '"environment" is not a text'],
  [{ command: [], output: 'x' }, '"command" is not an array of words'],
  [{ command: 'ls', output: 'x' }, '"command" is not an array of words'],
  [{ command: ['ls', 7], output: 'x' }, '"command" is not an array of words'],
  [{ command: [''], output: 'x' }, '"command" is not an array of words'],
  [{ input: 'a', output: 'x', secret: 'hunter2' }, 'unknown field "secret"'],
  [{ input: 'a', output: 'x', host_secret: 'hunter2' }, 'unknown field "host_secret"'],
  [{ input: 'a', output: 'x', toString: 'hunter2' }, 'unknown field "toString"'],
  [{ input: 'a', output: 'x', uid: true }, '"uid" is not a text'],
  [{ input: 'a', output: 'x', uid: '' }, '"uid" is not a text'],
  [{ input: 'a', output: 'x', uid: { name: 'lea' } }, '"uid" is not a text'],
  [{ input: 'a', output: 'x', user: 'yes' }, '"user" is neither true nor false'],
  [{ input: 'a', output: 'x', 'with-key': 'best' }, '"with-key": \'best\' is not one of'],
  [{ input: 'a', output: 'x', 'target-version': 5 }, '"target-version": \'5\' is not a version'],
  // Not what was written would be read: 255.1, 1e+21.
  [{ input: 'a', output: 'x', 'target-version': 255.1 }, '"target-version" is not a text'],
  [{ input: 'a', output: 'x', name: 1e21 }, '"name" is not a text'],
  ...['input', 'output', 'environment', 'name', 'host-secret'].map(
    (field): readonly [Record<string, unknown>, string] => [
      { ...(field !== 'environment' && { input: 'a' }), output: 'x', [field]: 'a\0b' },
      `"${field}" has a NUL or an unpaired surrogate in it`,
    ],
  ),
  [{ command: ['ls', 'a\0b'], output: 'x' }, '"command" has a NUL or an unpaired surrogate'],
  [{ input: 'a', output: 'x', 'tpm2-pcrs': '99' }, '"tpm2-pcrs": '],
  [{ input: 'a', output: 'x', 'machine-id': 'web1' }, '"machine-id": \'web1\' is not a machine ID'],
]

describe.each(WRONG_FIELDS)('%j', (fields, message) => {
  test.each([
    ['JSON Lines', `\n${JSON.stringify(fields)}\n`],
    ['TOML', `\n[[credential]]\n${tomlOf(fields)}`],
  ])('in %s is refused', async (_, text) => {
    const found = await mistakes(text)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(`FILE line 2: ${message}`)
    expect(found[0]).not.toContain('hunter2')
  })
})

test.each([
  ['nothing', ''],
  ['blank lines', '\n \n\t\n'],
  ['a comment', '# nobody has a secret\n'],
  ['no tables', 'credential = []\n'],
])('a manifest of %s has no credentials', async (_, text) => {
  expect(await mistakes(text)).toEqual(['FILE has no credentials'])
})

describe('JSON Lines', () => {
  test.each([
    ['{"input":"a"', 'it is not JSON'],
    ['{"input":"a"} {"input":"b"}', 'it is not JSON'],
    ["{'input':'hunter2'}", 'it is not JSON'],
    ['{}\n[]', 'it is not a JSON object'],
    ['{}\nnull', 'it is not a JSON object'],
  ])('%j is refused', async (text, message) => {
    const found = await mistakes(text)
    expect(found.at(-1)).toBe(`FILE line ${text.split('\n').length}: ${message}`)
    expect(found.join()).not.toContain('hunter2')
  })

  test('a character that no file can have in its name is refused', async () => {
    const text = '{"input":"a","output":"\\ud800/x"}'
    expect(await mistakes(text)).toEqual([
      'FILE line 1: "output" has a NUL or an unpaired surrogate in it',
    ])
  })

  test('a field named __proto__ is one that nobody knows', async () => {
    expect(await mistakes('{"__proto__":"hunter2"}')).toEqual([
      'FILE line 1: unknown field "__proto__"',
    ])
  })
})

describe('TOML', () => {
  const credential = '[[credential]]\ninput = "a"\noutput = "x"\n'
  test.each([
    ['hello', 'line 1, column 1: not TOML: incomplete key-value: cannot find end of key'],
    ['[{"input":"hunter2"}]', 'line 1, column 2: not TOML: '],
    [`${credential}input = "hunter2"\n`, 'line 4, column 1: not TOML: trying to redefine'],
    [`${credential}name = hunter2\n`, 'line 4, column 8: not TOML: invalid value'],
    [`${credential}name = "hunter2\n"`, 'line 4, column 16: not TOML: '],
    [`${credential}command = [[[[[[["hunter2"]]]]]]]\n`, 'line 4, column 15: not TOML: '],
    [`${credential}uid = 99999999999999999999\n`, 'not TOML: integer value cannot be'],
    [`${credential}not-after = 2027-13-41\n`, 'not TOML: invalid date'],
    ['credential = "hunter2"', '"credential" is not a list of tables'],
    ['[credential]\ninput = "hunter2"', '"credential" is not a list of tables'],
    ['credential = [{ input = "hunter2" }]', '"credential" is not a list of tables'],
    ['[[credentials]]\ninput = "hunter2"', 'unknown table or field "credentials" outside'],
    ['input = "hunter2"', 'unknown table or field "input" outside of [[credential]]'],
    [`name = "hunter2"\n${credential}`, 'unknown table or field "name" outside'],
    ['[__proto__]\nx = "hunter2"', 'unknown table or field "__proto__" outside'],
  ])('%j is refused', async (text, message) => {
    const found = await mistakes(text)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(/^FILE: /)
    expect(found[0]).toContain(message)
    expect(found[0]).not.toContain('hunter2')
  })

  test.each([
    ['[credential.tpm]\nx = 1\n', 'unknown field "tpm"'],
    ['__proto__ = "hunter2"\n', 'unknown field "__proto__"'],
    ['not-after = 07:32:00\nname = ["a"]\n', '"name" is not a text'],
  ])('a table with %j is refused', async (text, message) => {
    expect(await mistakes(credential + text)).toEqual([`FILE line 1: ${message}`])
  })

  test('dates are what is written', async () => {
    const times = 'timestamp = 2026-12-31\nnot-after = 2027-01-31T12:00:00+02:00\n'
    const [entry] = await parseManifest(credential + times, 'FILE')
    expect(entry?.request).toMatchObject({
      timestamp: '2026-12-31',
      notAfter: '2027-01-31T12:00:00.000+02:00',
    })
  })

  test('with Windows lines and comments is read', async () => {
    const text = `# web1\n${credential}command = ["pass", "#1"] # of the vault\n`
    const [entry] = await parseManifest(
      text.replace('input = "a"\n', '').replaceAll('\n', '\r\n'),
      'FILE',
    )
    expect(entry).toMatchObject({ line: 2, source: { kind: 'command', words: ['pass', '#1'] } })
  })
})

test('both forms say the same', async () => {
  const lines = [
    { input: '-', output: 'web1/a.cred', 'host-secret': 'web1.secret', name: '', uid: 1000 },
    { environment: 'TOKEN', output: 'b', 'tpm2-device-key': 'srk.pem', 'target-version': 262 },
    { command: ['pass', 'show', 'it'], output: 'c', 'not-after': '+1week', tpm2: true },
  ]
  const json = await parseManifest(lines.map((line) => JSON.stringify(line)).join('\n'), 'FILE')
  const tables = lines.map((line) => `[[credential]]\n${tomlOf(line)}`).join('\n')
  const toml = await parseManifest(tables, 'FILE')
  const withoutLines = (entries: typeof json) =>
    entries.map(({ source, request }) => ({ source, request }))
  expect(withoutLines(toml)).toEqual(withoutLines(json))
  expect(json[0]?.request).toMatchObject({ input: '-', name: '', uid: '1000', user: false })
})

test('outputs are told apart by what they name', async () => {
  const lines = ['x', 'y', './x'].map((output) => JSON.stringify({ input: 'a', output }))
  expect(await mistakes(lines.join('\n'))).toEqual(['FILE line 3: line 1 has the same output'])
})

test('outputs are told apart by where links lead', async () => {
  const folder = temporaryFolder()
  symlinkSync('.', join(folder, 'link'))
  const lines = [`${folder}/a/x`, `${folder}/link/a/x`, `${folder}/a/../a/x`, `${folder}/link/y`]
  const text = lines.map((output) => JSON.stringify({ input: 'a', output })).join('\n')
  expect(await mistakes(text)).toEqual([
    'FILE line 2: line 1 has the same output',
    'FILE line 3: line 1 has the same output',
  ])
})

test.each([
  [[{ output: 'a' }], 'FILE line 1: line 1 reads what the output would replace'],
  [[{}, { input: 'b', output: './a' }], 'FILE line 2: line 1 reads what the output would replace'],
  [[{ output: 'b' }, { input: './b' }], 'FILE line 2: ./b is the output of line 1'],
  [
    [{ 'host-secret': 'h' }, { output: 'h' }],
    'FILE line 2: line 1 reads what the output would replace',
  ],
  [[{ output: 'k', 'tpm2-public-key': 'k' }], 'FILE line 1: line 1 reads what the output'],
])('%j: what is read is not replaced', async (lines, message) => {
  const fields = lines.map((line, index) => ({ input: 'a', output: `out${index}`, ...line }))
  const found = await mistakes(fields.map((each) => JSON.stringify(each)).join('\n'))
  expect(found).toEqual([expect.stringContaining(message)])
})

test('a file is not replaced under another name of it either', async () => {
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)
  writeFileSync(at('secret'), '')
  symlinkSync('secret', at('symbolic'))
  linkSync(at('secret'), at('hard'))
  const names = ['secret', 'symbolic', 'hard']
  for (const input of names) {
    for (const output of names) {
      const line = JSON.stringify({ input: at(input), output: at(output) })
      expect(await mistakes(line)).toEqual([expect.stringMatching(/ would replace$/)])
    }
  }
  const outputs = names.map((output) => JSON.stringify({ input: 'a', output: at(output) }))
  expect(await parseManifest(outputs.join('\n'), 'FILE')).toHaveLength(names.length)
})

test('of many mistakes the first are shown, and the rest counted', async () => {
  const found = await mistakes('{}\n'.repeat(1000))
  expect(found).toHaveLength(21)
  expect(found.at(-1)).toBe('FILE: 980 more lines are wrong')
})

describe('lines of tables', () => {
  test.each([
    ['[[t]]\n\n [[ t ]] # x\n[["t"]]\n[[\'t\']]', [1, 3, 4, 5]],
    ['[[table]]\n[t]\n[[t.u]]\nx = [\n[[1]]\n]', []],
    ['[[t]]\na = """\n[[t]]\n"""\n[[t]]', [1, 5]],
    ["[[t]]\na = '''\n[[t]]\n'''\n[[t]]", [1, 5]],
    ['a = """ \\"""\n[[t]]\n """\n[[t]]', [4]],
    ["a = ''' \\'''\n[[t]]", [2]],
    ['a = """"x"""""\n[[t]]', [2]],
    ['a = "\\"" # """\n[[t]]', [2]],
    ['a = \'"""\'\n[[t]]', [2]],
  ])('%j', (text, lines) => {
    expect(findTableLines(text, 't')).toEqual(lines)
  })
})

test('the example in the manual is read', async () => {
  const manual = readFileSync(
    new URL('../../docs/man/extsign-cred-batch.1.md', import.meta.url),
    'utf8',
  )
  const blocks = [...manual.matchAll(/(?:^ {4}.*\n|^\n(?= {4}))+/gm)].map(([block]) =>
    block.replaceAll(/^ {4}/gm, '').trim(),
  )
  const manifests = blocks.filter((block) => /^(?:\{|\[\[)/.test(block))
  expect(manifests).toHaveLength(2)
  for (const manifest of manifests) expect(await parseManifest(manifest, 'FILE')).toHaveLength(3)
})

/** Fields as TOML, which has no null; JSON writes texts, numbers and arrays like it. */
function tomlOf(fields: Readonly<Record<string, unknown>>): string {
  const value = (field: unknown) =>
    JSON.stringify(field).replace(/^\{"(\w+)":(.*)\}$/, '{ $1 = $2 }')
  return Object.entries(fields)
    .map(([key, field]) => `${key} = ${value(field)}\n`)
    .join('')
}
