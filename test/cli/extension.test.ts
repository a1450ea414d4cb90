import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { generateKey } from '../../src/keys/generate.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign, type FakeOptions } from './fake-context.ts'

const folder = temporaryFolder()
const tree = join(folder, 'hello')
const key = ['--private-key', join(folder, 'a.key'), '--certificate', join(folder, 'a.crt')]

function put(path: string, text: string): string {
  const full = join(folder, path)
  mkdirSync(dirname(full), { recursive: true })
  writeFileSync(full, text)
  return full
}

beforeAll(async () => {
  put('hello/usr/bin/hello', '#!/bin/sh\necho hello\n')
  put('site/etc/motd', 'hello\n')
  for (const [name, days] of [
    ['a', 10],
    ['b', 5000],
  ] as const) {
    const now = new Date('2026-11-01T00:00:00Z')
    await generateKey({ directory: folder, name, algorithm: 'p256', days, now })
  }
})

let count = 0
/** Builds with a fresh output and returns the JSON, or what went wrong. */
async function build(args: readonly string[], options?: FakeOptions) {
  const output = join(folder, `out${count++}`, 'hello.sysext.raw')
  mkdirSync(dirname(output))
  const argv = ['sysext', tree, '--output', output, '--json', ...args]
  const { code, stdout, stderr } = await extsign(argv, options)
  return { code, stderr, output, result: code === 0 ? JSON.parse(stdout) : undefined }
}

const release = (result: { release: { key: string; value: string; source: string }[] }) =>
  Object.fromEntries(result.release.map(({ key, value, source }) => [key, `${value} ${source}`]))

describe('signing', () => {
  test.each([
    [
      'nothing to sign with',
      [],
      '--private-key is missing: there is nothing to sign with\nextsign: hint: extsign keys new makes a key; --unsigned builds without a signature\n',
    ],
    ['a certificate alone', ['--certificate', 'a.crt'], '--private-key is missing'],
    [
      'a key alone',
      ['--private-key', 'a.key'],
      '--certificate is missing: readers find the key by its certificate\n',
    ],
    ['a passphrase alone', ['--passphrase-file', 'x'], '--private-key is missing'],
    [
      'a key and no wish to sign',
      ['--unsigned', ...key],
      '--unsigned and --private-key exclude each other\nextsign: error: --unsigned and --certificate exclude each other\n',
    ],
  ])('is refused with %s', async (_, args, message) => {
    const { code, stderr, output } = await build(['--id', '_any', ...args])
    expect(code).toBe(2)
    expect(stderr).toContain(`extsign: error: ${message}`)
    expect(readdirSync(dirname(output))).toEqual([])
  })

  test('warns when the certificate has expired, or is not valid yet', async () => {
    const late = await build(['--id', '_any', ...key], { now: new Date('2027-01-01T00:00:00Z') })
    expect(late.code).toBe(0)
    expect(late.stderr).toBe(
      `extsign: warning: certificate ${folder}/a.crt expired on 2026-11-11\n`,
    )
    expect(late.result.warnings).toEqual([`certificate ${folder}/a.crt expired on 2026-11-11`])
    const early = await build(['--id', '_any', ...key], { now: new Date('2026-01-01T00:00:00Z') })
    expect(early.stderr).toBe(
      `extsign: warning: certificate ${folder}/a.crt is not valid before 2026-11-01\n`,
    )
  })

  test('asks for the passphrase when somebody is there to answer', async () => {
    const passphrase = new TextEncoder().encode('correct horse')
    const now = new Date('2026-11-01T00:00:00Z')
    await generateKey({
      directory: folder,
      name: 'locked',
      algorithm: 'p256',
      days: 99,
      now,
      passphrase,
    })
    const files = [
      '--private-key',
      join(folder, 'locked.key'),
      '--certificate',
      join(folder, 'locked.crt'),
    ]
    const asked = await build(['--id', '_any', ...files], { passphrase: 'correct horse' })
    expect(asked.stderr).toBe(`Passphrase of ${folder}/locked.key: `)
    expect(asked.result.signed).toBe(true)
    const wrong = await build(['--id', '_any', ...files], { passphrase: 'battery staple' })
    expect(wrong.stderr).toContain('the passphrase does not open private key')
    const alone = await build(['--id', '_any', ...files])
    expect(alone.stderr).toContain('hint: give its passphrase with --passphrase-file')
  })

  test('fails with the certificate of another key before anything is written', async () => {
    const args = ['--private-key', join(folder, 'a.key'), '--certificate', join(folder, 'b.crt')]
    const { code, stderr, output } = await build(['--id', '_any', ...args])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `extsign: error: certificate ${folder}/b.crt is for another key than ${folder}/a.key\nextsign: hint: extsign keys inspect shows which files belong together\n`,
    })
    expect(readdirSync(dirname(output))).toEqual([])
  })
})

describe('the release file', () => {
  const target = () => put('os-release', 'ID=debian\nVERSION_ID=13\n')
  const leveled = () => put('os-release.leveled', 'ID=debian\nVERSION_ID=13\nSYSEXT_LEVEL=3\n')

  test.each([
    ['an ID', ['--id', '_any'], {}, { ID: '_any option' }],
    [
      'ID and version',
      ['--id', 'debian', '--version-id', '13'],
      {},
      { ID: 'debian option', VERSION_ID: '13 option' },
    ],
    [
      'the target',
      ['--os-release', target()],
      {},
      { ID: 'debian os-release', VERSION_ID: '13 os-release' },
    ],
    [
      'a target with a level',
      ['--os-release', leveled()],
      {},
      { ID: 'debian os-release', SYSEXT_LEVEL: '3 os-release' },
    ],
    [
      'a level in the environment',
      ['--id', 'a'],
      { SYSEXT_LEVEL: ' 1.0\n' },
      { ID: 'a option', SYSEXT_LEVEL: '1.0 $SYSEXT_LEVEL' },
    ],
    [
      'an explicit level',
      ['--id', 'a', '--level', '2'],
      { SYSEXT_LEVEL: '1' },
      { ID: 'a option', SYSEXT_LEVEL: '2 option' },
    ],
    ['an empty variable', ['--id', 'a'], { SYSEXT_LEVEL: '' }, { ID: 'a option' }],
    ["the other kind's variable", ['--id', 'a'], { CONFEXT_LEVEL: '1' }, { ID: 'a option' }],
    [
      'scopes',
      ['--id', 'a', '--scope', 'system,initrd'],
      {},
      { ID: 'a option', SYSEXT_SCOPE: 'system initrd option' },
    ],
    [
      'a machine',
      ['--id', 'a', '--architecture', 'arm64'],
      {},
      { ID: 'a option', ARCHITECTURE: 'arm64 option' },
    ],
    [
      'every machine',
      ['--id', 'a', '--architecture', '_any'],
      {},
      { ID: 'a option', ARCHITECTURE: '_any option' },
    ],
    [
      'a reload',
      ['--id', 'a', '--reload-manager'],
      {},
      { ID: 'a option', EXTENSION_RELOAD_MANAGER: '1 option' },
    ],
    [
      'further fields',
      ['--id', 'a', '--property', 'A=1', '--property', 'B=x y'],
      {},
      { ID: 'a option', A: '1 option', B: 'x y option' },
    ],
  ])('takes %s', async (_, args, environment: Record<string, string>, expected) => {
    const { result, stderr } = await build(['--unsigned', ...args], { environment })
    expect(stderr).toBe('')
    expect(release(result)).toEqual(expected)
  })

  test('of a target whose os-release is empty is refused', async () => {
    const { code, stderr } = await build(['--unsigned', '--os-release', put('empty', '')])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'extsign: error: the os-release has no ID\n',
    })
  })

  test('the text says where the level came from', async () => {
    const run = async (args: string[], environment = {}) => {
      const output = join(folder, 'level.raw')
      const argv = ['sysext', tree, '-f', '-o', output, '--unsigned', '--id', 'a', ...args]
      return (await extsign(argv, { environment })).stdout
    }
    expect(await run(['--level', '2'], { SYSEXT_LEVEL: '1' })).toMatch(
      /^ {2}level +2, from --level$/m,
    )
    expect(await run([], { SYSEXT_LEVEL: '1' })).toMatch(/^ {2}level +1, from \$SYSEXT_LEVEL$/m)
    expect(await run(['--os-release', leveled()])).toMatch(/^ {2}level +3, from --os-release$/m)
    expect(await run([])).not.toMatch(/^ {2}level/m)
  })

  test('a confext has a level of its own', async () => {
    const argv = [
      'confext',
      join(folder, 'site'),
      '-o',
      folder,
      '--unsigned',
      '--id',
      'a',
      '--json',
    ]
    const { stdout } = await extsign(argv, {
      environment: { CONFEXT_LEVEL: '7', SYSEXT_LEVEL: '8' },
    })
    const result = JSON.parse(stdout)
    expect(release(result)).toEqual({ ID: 'a option', CONFEXT_LEVEL: '7 $CONFEXT_LEVEL' })
    expect(result.output).toBe(join(folder, 'site.confext.raw'))
  })
})

describe('the name', () => {
  test.each([
    ['the folder, without an output', [], 'hello', 'hello.sysext.raw'],
    ['the folder, with its version', ['--version', '1.2'], 'hello', 'hello_1.2.sysext.raw'],
    ['the option', ['--name', 'x'], 'x', 'x.sysext.raw'],
    ['the output', ['-o', 'bye.raw'], 'bye', 'bye.raw'],
    [
      'the output without version and machine',
      ['-o', 'bye_1.2_arm64.sysext.raw'],
      'bye',
      'bye_1.2_arm64.sysext.raw',
    ],
    ['the option beside the output', ['-o', 'a+3.raw', '--name', 'a'], 'a', 'a+3.raw'],
  ])('is that of %s', async (_, args, name, file) => {
    const into = join(folder, `names${count++}`)
    mkdirSync(into)
    const outputs = args.map((arg, index) => (args[index - 1] === '-o' ? join(into, arg) : arg))
    const place = args.includes('-o') ? [] : ['-o', into]
    const argv = ['sysext', tree, '--unsigned', '--id', 'a', '--json', ...outputs, ...place]
    const { stdout, stderr } = await extsign(argv)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toMatchObject({ name, output: join(into, file) })
    expect(readdirSync(into)).toEqual([file])
  })

  test.each([
    ['no .raw at the end', 'hello.img', 1, /hello\.img does not end in \.raw/],
    [
      'the name of a confext',
      'hello.confext.raw',
      1,
      /is the file name of a confext, the image is a sysext/,
    ],
    [
      'a dash before the version',
      'hello-1.2.raw',
      1,
      /a dash does not separate a version from a name/,
    ],
    ['standard output', '-', 2, /an image is not written to standard output/],
  ])('is refused with %s', async (_, file, code, message) => {
    const output = file === '-' ? file : join(folder, file)
    const argv = ['sysext', tree, '--unsigned', '--id', 'a', '--name', 'hello', '-o', output]
    const outcome = await extsign(argv)
    expect(outcome.stderr).toMatch(message)
    expect(outcome.code).toBe(code)
  })
})

test('options of the layout reach the image', async () => {
  const seed = '3f2a1c58-9f0e-4c7b-8d51-6a2b7c9d0e1f'
  const args = [
    '--id',
    'a',
    '--seed',
    seed,
    '--sector-size',
    '4096',
    '--architecture',
    'arm64',
    '--threads',
    '0',
    '--sidecars',
    '--unsigned',
  ]
  const { result, output } = await build(args)
  expect(result).toMatchObject({ seed, sectorSize: 4096, architecture: 'arm64', signed: false })
  expect(result.partitions.map(({ label }: { label: string }) => label)).toEqual([
    'root-arm64',
    'root-arm64-verity',
  ])
  expect(result.sidecars).toEqual([output.replace(/raw$/, 'roothash')])
  expect(readFileSync(result.sidecars[0], 'utf8').trim()).toBe(result.rootHash)
})

test('times are clamped to SOURCE_DATE_EPOCH, which is a whole number of seconds', async () => {
  const args = ['--unsigned', '--id', 'a']
  const plain = await build(args)
  const zero = await build(args, { environment: { SOURCE_DATE_EPOCH: '0' } })
  const later = await build(args, { environment: { SOURCE_DATE_EPOCH: '1700000000' } })
  expect(plain.result.rootHash).toBe(zero.result.rootHash)
  expect(later.result.rootHash).not.toBe(zero.result.rootHash)
  for (const text of ['1.5', '-1', '0x10', '1e9', 'now', '01', '99999999999999999']) {
    const { code, stderr } = await build(args, { environment: { SOURCE_DATE_EPOCH: text } })
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `extsign: error: SOURCE_DATE_EPOCH: '${text}' is not a whole number of seconds\n`,
    })
  }
})

test('the text is calm: hash, contents, release, signer, names', async () => {
  const output = join(folder, 'text.sysext.raw')
  const argv = ['sysext', tree, ...key, '-o', output, '--id', '_any']
  const { code, stdout, stderr } = await extsign(argv, { now: new Date('2026-11-05T00:00:00Z') })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const [headline, ...rows] = stdout.trimEnd().split('\n')
  expect(headline).toBe(`${output}: signed system extension, 1.0 MiB, of which 4.0 KiB file system`)
  expect(rows.join('\n')).toMatch(/^ {2}root hash {2}[0-9a-f]{64}$/m)
  expect(rows.join('\n')).toMatch(/^ {2}release {4}ID=_any$/m)
  expect(rows.join('\n')).toMatch(/^ {2}signed by {2}certificate with SHA-256 [0-9a-f]{64}$/m)
  expect(rows.join('\n')).toMatch(/^ {2}loads as {3}systemd 248: text\.raw$/m)
})

test('--quiet prints nothing', async () => {
  const argv = ['sysext', tree, '--unsigned', '-q', '--id', 'a', '-o', join(folder, 'quiet.raw')]
  expect(await extsign(argv, { terminal: true })).toEqual({ code: 0, stdout: '', stderr: '' })
})

test('progress is drawn on a terminal and removed again', async () => {
  const argv = ['sysext', tree, '--unsigned', '--id', 'a', '-o', join(folder, 'progress.raw')]
  const { stderr } = await extsign(argv, { terminal: true })
  expect(stderr.startsWith('\r\x1b[Kscanning the tree')).toBe(true)
  expect(stderr.endsWith('\r\x1b[K')).toBe(true)
})

test('an interrupt leaves nothing behind', async () => {
  const into = join(folder, 'interrupted')
  mkdirSync(into)
  const argv = ['sysext', tree, '--unsigned', '--id', 'a', '-o', into]
  const { code, stdout, stderr } = await extsign(argv, { interrupted: true })
  expect({ code, stdout, stderr }).toEqual({
    code: 130,
    stdout: '',
    stderr: 'extsign: interrupted, nothing was written\n',
  })
  expect(readdirSync(into)).toEqual([])
})
