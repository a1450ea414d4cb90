import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { makeTestKey } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign, type FakeOptions } from './fake-context.ts'

const parent = temporaryFolder()
const keys = Object.fromEntries(
  ['old', 'new', 'pcr', 'pcr-new'].map((name) => {
    const algorithm = name.startsWith('pcr') ? 'rsa2048' : 'p256'
    return [name, makeTestKey(algorithm, { commonName: `TEST-DO-NOT-USE ${name}` })]
  }),
)

const PLAN = `
[[images]]
files = "images"
old-certificate = "old.crt"
certificate = "new.crt"
private-key = "new.key"
trust = ["verity.d"]

[[policies]]
files = ["policies.json"]
old-certificate = "pcr.crt"
certificate = "pcr-new.crt"
private-key = "pcr-new.key"

[[credentials]]
files = "sealed"
old-host-secret = "old.secret"
host-secret = "new.secret"
`

let folder: string
const at = (name: string) => join(folder, name)
const rotate = (args: readonly string[] = [], options?: FakeOptions) =>
  extsign(['rotate', at('plan.toml'), ...args], options)
const succeed = async (...args: string[]) => {
  const { code, stderr } = await extsign(args)
  expect([args[0], code, stderr]).toEqual([args[0], 0, ''])
}

beforeEach(async () => {
  folder = mkdtempSync(join(parent, 'case-'))
  for (const [name, { keyPem, certificatePem }] of Object.entries(keys)) {
    writeFileSync(at(`${name}.key`), keyPem, { mode: 0o600 })
    writeFileSync(at(`${name}.crt`), certificatePem)
  }
  for (const name of ['images', 'verity.d', 'tree/usr/share', 'sealed']) {
    mkdirSync(at(name), { recursive: true })
  }
  writeFileSync(at('verity.d/old.crt'), keys.old!.certificatePem)
  writeFileSync(at('tree/usr/share/file'), 'content')
  const signing = ['--private-key', at('old.key'), '--certificate', at('old.crt')]
  const build = ['sysext', at('tree'), '--id', '_any', '--name', 'x', '--quiet', '--threads', '0']
  await succeed(...build, ...signing, '-o', at('images/x.raw'))
  writeFileSync(at('vmlinuz'), 'kernel')
  const policies = ['--signatures', at('policies.json'), '--private-key', at('pcr.key')]
  await succeed('pcr', 'sign', '--linux', at('vmlinuz'), ...policies)
  for (const name of ['old', 'new']) {
    await succeed('cred', 'setup', '--machine-id', 'f'.repeat(32), at(`${name}.secret`))
  }
  writeFileSync(at('password'), 'hunter2')
  const host = ['--host-secret', at('old.secret')]
  await succeed('cred', 'encrypt', '--quiet', ...host, at('password'), at('sealed/db'))
  writeFileSync(at('plan.toml'), PLAN)
})

/** Everything that a rotation may change, by name. */
const contents = () => {
  const names = ['images', 'sealed', 'verity.d'].flatMap((name) =>
    readdirSync(at(name)).map((file) => `${name}/${file}`),
  )
  return Object.fromEntries(
    [...names, 'policies.json'].map((name) => [name, readFileSync(at(name)).toString('base64')]),
  )
}

const words = (stdout: string) => stdout.replaceAll(`${folder}/`, '').split('\n').slice(0, -1)

const STEPS = [
  'trust       verity.d: add the new certificate',
  'policies    policies.json: sign with the new key too',
  'image       images/x.raw: sign with the new key',
  'credential  sealed/db: seal with the new keys',
]

test('a dry run says what the run does, in the same words, and changes nothing', async () => {
  const before = contents()
  const dry = await rotate(['--dry-run'])
  expect([dry.code, words(dry.stdout)]).toEqual([0, [...STEPS, '4 steps to do']])
  expect(contents()).toEqual(before)
  const real = await rotate()
  expect([real.code, real.stderr]).toEqual([0, ''])
  expect(words(real.stdout)).toEqual([...STEPS.map((step) => `done  ${step}`), '4 steps done'])
  expect(words((await rotate()).stdout)).toEqual(['0 steps done'])
})

test('a dry run and a check need no private key', async () => {
  for (const name of ['new.key', 'pcr-new.key']) writeFileSync(at(name), 'no key')
  expect((await rotate(['--dry-run'])).code).toBe(0)
  expect((await rotate(['--check'])).code).toBe(3)
})

test('a check says which key everything carries, until it is none of the old', async () => {
  const first = await rotate(['--check'])
  expect([first.code, words(first.stdout).at(-1)]).toEqual([3, '4 of 4 carry the old key'])
  await rotate()
  const second = await rotate(['--check'])
  expect([second.code, words(second.stdout)]).toEqual([
    3,
    [
      'trust       verity.d: both keys',
      'image       images/x.raw: new key',
      'policies    policies.json: both keys',
      'credential  sealed/db: new key',
      '2 of 4 carry the old key',
    ],
  ])
  const finish = await rotate(['--finish'])
  expect([finish.code, words(finish.stdout)]).toEqual([
    0,
    [
      'done  trust       verity.d: remove the old certificate',
      'done  policies    policies.json: remove the signatures of the old key',
      '2 steps done',
    ],
  ])
  const third = await rotate(['--check'])
  expect([third.code, words(third.stdout).at(-1)]).toEqual([0, 'nothing of 4 carries the old key'])
  expect(readdirSync(at('verity.d'))).toEqual(['new.crt'])
})

test('what a link in a folder leads to carries a key too', async () => {
  renameSync(at('sealed/db'), at('elsewhere'))
  symlinkSync('../elsewhere', at('sealed/db'))
  symlinkSync('db', at('sealed/again'))
  symlinkSync('x.raw', at('images/latest.raw'))
  symlinkSync('gone.raw', at('images/gone.raw'))
  const first = await rotate(['--check'])
  expect([first.code, words(first.stdout).at(-1)]).toEqual([3, '6 of 6 carry the old key'])
  const { code, stdout, stderr } = await rotate()
  expect([code, stderr, words(stdout).at(-1)]).toEqual([0, '', '6 steps done'])
  expect(readlinkSync(at('sealed/db'))).toBe('../elsewhere')
  expect(readlinkSync(at('images/latest.raw'))).toBe('x.raw')
  expect((await rotate(['--finish'])).code).toBe(0)
  expect((await rotate(['--check'])).code).toBe(0)
  const secret = ['--name=db', '--host-secret', at('new.secret'), at('elsewhere')]
  expect((await extsign(['cred', 'decrypt', ...secret])).stdout).toBe('hunter2')
})

test('a file that fails does not keep the others, and nothing old is removed', async () => {
  writeFileSync(at('sealed/broken'), 'AAAA')
  const { code, stdout } = await rotate(['--finish'])
  expect(code).toBe(1)
  expect(words(stdout)).toEqual([
    ...STEPS.map((step) => `done  ${step}`),
    'wait  trust       verity.d: remove the old certificate: not before everything else carries the new key',
    'wait  policies    policies.json: remove the signatures of the old key: not before everything else carries the new key',
    expect.stringMatching(/^credential {2}sealed\/broken: cannot be told; credential: /),
    '4 steps done, 2 not',
  ])
  expect(readdirSync(at('verity.d'))).toEqual(['new.crt', 'old.crt'])
})

test('what carries neither key is named and left alone', async () => {
  await succeed('cred', 'setup', '--machine-id', 'f'.repeat(32), at('other.secret'))
  const host = ['--host-secret', at('other.secret'), '--quiet']
  await succeed('cred', 'encrypt', ...host, at('password'), at('sealed/other'))
  const before = readFileSync(at('sealed/other'))
  const { code, stdout } = await rotate()
  expect(code).toBe(3)
  expect(stdout).toContain('sealed/other: neither key; the key does not fit')
  expect(readFileSync(at('sealed/other'))).toEqual(before)
})

test('says everything in JSON', async () => {
  const report = JSON.parse((await rotate(['--json'])).stdout)
  expect(report.carriers).toHaveLength(4)
  expect(report.carriers[0]).toEqual({ kind: 'trust', path: at('verity.d'), state: 'old' })
  expect(
    report.steps.map(({ action, outcome }: Record<string, string>) => [action, outcome]),
  ).toEqual([
    ['add', 'done'],
    ['add', 'done'],
    ['replace', 'done'],
    ['replace', 'done'],
  ])
  const check = JSON.parse((await rotate(['--check', '--json'])).stdout)
  expect(check.carriers.map(({ state }: { state: string }) => state)).toEqual([
    'both',
    'new',
    'both',
    'new',
  ])
})

test('an interruption leaves the rest for the next run', async () => {
  const before = contents()
  const { code, stderr } = await rotate([], { interrupted: true })
  expect([code, stderr]).toEqual([
    130,
    expect.stringMatching(
      /^extsign: interrupted; 0 of \d+ steps done, the others are as they were; the same command does the rest\n$/,
    ),
  ])
  expect(contents()).toEqual(before)
})

test('takes a plan in JSON too', async () => {
  const credentials = [
    { files: ['sealed'], 'old-host-secret': 'old.secret', 'host-secret': 'new.secret' },
  ]
  writeFileSync(at('plan.toml'), JSON.stringify({ credentials }))
  const { code, stdout } = await rotate()
  expect([code, words(stdout).at(-1)]).toEqual([0, '1 step done'])
})

describe('refuses a plan', () => {
  const replaced = (from: string, to: string) => PLAN.replace(from, to)
  test.each([
    ['that is empty', '', 'there is nothing to rotate'],
    ['that is no TOML', '[[images', 'line 1, column'],
    ['that is no JSON', '{', 'begins with { and is not JSON'],
    ['with another table', `${PLAN}\n[[image]]\nx=1`, 'unknown table "image"'],
    ['with one table only', '[images]\nfiles="x"', '"images" is not a list of tables'],
    ['with another field', replaced('trust =', 'trusts ='), 'unknown field "trusts"'],
    ['with a number for a path', replaced('"images"', 'true'), '"files" is not a list of texts'],
    [
      'with a NUL in a path',
      replaced('"old.crt"', '"old\\u0000.crt"'),
      '"old-certificate" has a NUL or an unpaired surrogate in it',
    ],
    ['with an empty text', replaced('"old.crt"', '""'), '"old-certificate" is not a text'],
    ['without files', replaced('files = "images"', ''), '"files" is missing'],
    [
      'without an old certificate',
      replaced('old-certificate = "old.crt"', ''),
      '"old-certificate" is missing',
    ],
    [
      'without a new certificate',
      replaced('\ncertificate = "new.crt"', ''),
      '"certificate" is missing',
    ],
    [
      'without an old policy key',
      replaced('old-certificate = "pcr.crt"', ''),
      '"old-public-key" is missing',
    ],
    [
      'without a new policy key',
      replaced('\ncertificate = "pcr-new.crt"', ''),
      '"public-key" is missing',
    ],
    [
      'without what to seal with',
      replaced('\nhost-secret = "new.secret"', ''),
      'does not say with what to seal',
    ],
    [
      'with a word for a flag',
      replaced('files = "sealed"', 'files="sealed"\nallow-null="yes"'),
      '"allow-null" is neither true nor false',
    ],
    [
      'with a wrong choice',
      replaced('private-key = "new.key"', 'private-key="x"\nprivate-key-source="usb"'),
      "'usb' is not one of",
    ],
  ])('%s', async (_, text, message) => {
    writeFileSync(at('plan.toml'), text)
    const before = contents()
    const { code, stdout, stderr } = await rotate()
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
    expect(contents()).toEqual(before)
  })

  test('naming the line of the table', async () => {
    writeFileSync(at('plan.toml'), PLAN.replace('trust =', 'trusts ='))
    const { stderr } = await rotate()
    expect(stderr).toContain(`${at('plan.toml')}: [[images]] in line 2: unknown field "trusts"`)
    expect(stderr).toContain('extsign: hint: did you mean "trust"?')
  })

  test('of a folder in which there is nothing for it', async () => {
    writeFileSync(at('plan.toml'), PLAN.replace('"images"', '"verity.d"'))
    const { code, stderr } = await rotate()
    expect([code, stderr]).toEqual([2, expect.stringContaining('verity.d has nothing for it')])
  })

  test('of files that are not there', async () => {
    writeFileSync(at('plan.toml'), PLAN.replace('"images"', '"none"'))
    expect((await rotate()).code).toBe(1)
  })

  test('beside options that do not go together', async () => {
    expect((await rotate(['--check', '--dry-run'])).code).toBe(2)
    expect((await rotate(['--check', '--finish'])).code).toBe(2)
  })
})
