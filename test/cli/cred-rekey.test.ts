import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign, type FakeOptions } from './fake-context.ts'

const OLD = '0123456789abcdef0123456789abcdef'
const NEW = 'fedcba9876543210fedcba9876543210'

const folder = temporaryFolder()
let count = 0
let at: (name: string) => string

/** Two machines with their secrets, and a folder of credentials of the old one. */
beforeEach(async () => {
  const own = join(folder, `${count++}`)
  mkdirSync(join(own, 'from'), { recursive: true })
  at = (name) => join(own, name)
  writeFileSync(at('plain'), 'hunter2')
  await run(['setup', '--machine-id', OLD, at('old.secret')])
  await run(['setup', '--machine-id', NEW, at('new.secret')])
  await seal('db.cred', ['--not-after=2999-01-01 UTC'])
  await seal('nameless', ['--name=', '--timestamp='])
})

const run = (args: readonly string[], options?: FakeOptions) => extsign(['cred', ...args], options)
const seal = (name: string, args: readonly string[]) =>
  run(['encrypt', '--host-secret', at('old.secret'), ...args, at('plain'), at(`from/${name}`)])
const rekey = (args: readonly string[] = [], options?: FakeOptions) =>
  run(
    [
      ...['rekey', '--old-host-secret', at('old.secret'), '--host-secret', at('new.secret')],
      ...[...args, at('from'), at('to')],
    ],
    options,
  )
const open = async (file: string, args: readonly string[] = []) => {
  const { stdout } = await run([
    'decrypt',
    '--json',
    '--host-secret',
    at('new.secret'),
    ...args,
    at(file),
  ])
  return JSON.parse(stdout || '{}')
}

test('seals each for the new machine, with its name and its times', async () => {
  const before = readFileSync(at('from/db.cred'))
  const { code, stdout } = await rekey()
  expect({ code, stdout }).toEqual({ code: 0, stdout: `2 credentials sealed into ${at('to')}\n` })
  expect(readdirSync(at('to'))).toEqual(['db.cred', 'nameless'])
  expect(await open('to/db.cred')).toMatchObject({
    name: 'db',
    timestamp: '2026-11-20T12:00:00Z',
    notAfter: '2999-01-01T00:00:00Z',
    secret: 'aHVudGVyMg==',
  })
  const nameless = await open('to/nameless')
  expect([nameless.name, nameless.timestamp, nameless.secret]).toEqual([
    undefined,
    undefined,
    'aHVudGVyMg==',
  ])
  expect(statSync(at('to/db.cred')).mode & 0o777).toBe(0o600)
  expect(statSync(at('to')).mode & 0o777).toBe(0o700)
  expect(readFileSync(at('from/db.cred'))).toEqual(before)
})

test('keeps times to the microsecond, and what has expired expired', async () => {
  await seal('old', ['--timestamp=@1.000001', '--not-after=@2.999999'])
  expect((await rekey()).code).toBe(0)
  expect(await open('to/old')).toEqual({})
  const { stdout } = await run(
    ['decrypt', '--json', '--host-secret', at('new.secret'), at('to/old')],
    {
      environment: { SYSTEMD_CREDENTIAL_VALIDATE_NOT_AFTER: '0' },
    },
  )
  expect(JSON.parse(stdout)).toMatchObject({ notAfter: '1970-01-01T00:00:02.999Z' })
})

test('keeps the last moment that there is', async () => {
  await seal('last', ['--not-after=@18446744073708s 1551614us'])
  expect((await rekey()).code).toBe(0)
  expect((await open('to/last')).notAfter).toBe('@18446744073709')
})

test('keeps those of users with their users', async () => {
  const user = ['--uid=1000', '--user-name=lea']
  await seal('of-lea', [...user, '--machine-id', OLD])
  const { code, stderr } = await rekey([...user, '--old-machine-id', OLD, '--machine-id', NEW])
  expect([code, stderr]).toEqual([0, expect.stringContaining('nameless: it has no name')])
  expect(await open('to/of-lea', [...user, '--machine-id', NEW])).toMatchObject({ name: 'of-lea' })
  expect(await open('to/db.cred')).toMatchObject({ name: 'db' })
})

test('says in JSON what it made', async () => {
  const { stdout } = await rekey(['--json'])
  expect(JSON.parse(stdout)).toMatchObject([
    { output: at('to/db.cred'), type: 'host', name: 'db', warnings: [] },
    { output: at('to/nameless'), type: 'host' },
  ])
  expect(stdout).not.toContain('hunter2')
})

describe('makes nothing', () => {
  const cases: [string, () => Promise<unknown> | unknown, string[], string][] = [
    ['where one is damaged', () => writeFileSync(at('from/x'), 'AAAA'), [], 'from/x: credential: '],
    ['where one is no text', () => writeFileSync(at('from/x'), 'pass-word'), [], 'is not base64'],
    ['of what anybody could have made', () => sealNull(), [], 'it has a null key'],
    [
      'of users nobody named',
      () => seal('x', ['--uid=1', '--user-name=a', '--machine-id', OLD]),
      [],
      'belongs to one user',
    ],
    [
      'where the target cannot be',
      () => {},
      ['--target-version=249'],
      'systemd 249 cannot open it',
    ],
    ['where something is', () => mkdirSync(at('to')), [], 'to exists'],
  ]
  const sealNull = () => run(['encrypt', '--with-key=null', at('plain'), at('from/x')])

  test.each(cases)('%s', async (_, prepare, args, message) => {
    await prepare()
    const { code, stdout, stderr } = await rekey(args)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain(message)
    expect(existsSync(at('to')) ? readdirSync(at('to')) : []).toEqual([])
    expect(readdirSync(at('.')).filter((name) => name.includes('partial'))).toEqual([])
    expect(readdirSync(at('from'))).toContain('db.cred')
  })

  test('with another old secret', async () => {
    const wrong = [
      'rekey',
      '--old-host-secret',
      at('new.secret'),
      '--host-secret',
      at('new.secret'),
    ]
    const { code, stderr } = await run([...wrong, at('from'), at('to')])
    expect([code, existsSync(at('to'))]).toEqual([1, false])
    expect(stderr).toContain('from/db.cred: the key does not fit')
  })

  test('when it is interrupted', async () => {
    expect((await rekey([], { interrupted: true })).code).toBe(130)
    expect(existsSync(at('to'))).toBe(false)
  })

  test('of an empty folder', async () => {
    mkdirSync(at('empty'))
    const { code, stderr } = await run(['rekey', at('empty'), at('to')])
    expect([code, stderr]).toEqual([2, expect.stringContaining('has no credentials')])
  })

  test('of a folder that is not there', async () => {
    expect((await run(['rekey', at('missing'), at('to')])).code).toBe(1)
  })
})

test('takes a null key where it is told to', async () => {
  await run(['encrypt', '--with-key=null', at('plain'), at('from/x')])
  expect((await rekey(['--allow-null'])).code).toBe(0)
  expect(await open('to/x')).toMatchObject({ type: 'host', name: 'x' })
})

test('takes what links lead to, and leaves links that lead nowhere out', async () => {
  renameSync(at('from/db.cred'), at('elsewhere'))
  symlinkSync('../elsewhere', at('from/db.cred'))
  symlinkSync('gone', at('from/dangling'))
  symlinkSync('.', at('from/loop'))
  expect((await rekey()).code).toBe(0)
  expect(readdirSync(at('to'))).toEqual(['db.cred', 'nameless'])
  expect(lstatSync(at('to/db.cred')).isFile()).toBe(true)
  expect(await open('to/db.cred')).toMatchObject({ name: 'db', secret: 'aHVudGVyMg==' })
})

test('leaves hidden files and folders out', async () => {
  writeFileSync(at('from/.hidden'), 'not a credential')
  mkdirSync(at('from/folder'))
  expect((await rekey()).code).toBe(0)
  expect(readdirSync(at('to'))).toEqual(['db.cred', 'nameless'])
})
