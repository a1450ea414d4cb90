import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { readStream } from '../../src/cli/standard-input.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign, type FakeOptions } from './fake-context.ts'

const MACHINE = '0123456789abcdef0123456789abcdef'
const NOW = '2026-11-20T12:00:00Z'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const bytes = (text: string) => new TextEncoder().encode(text)
const secret = at('host.secret')
const HOST = ['--host-secret', secret]

beforeAll(async () => {
  writeFileSync(at('plain'), 'hunter2')
  expect((await extsign(['cred', 'setup', '--machine-id', MACHINE, secret])).code).toBe(0)
})

const encrypt = (args: readonly string[], options?: FakeOptions) =>
  extsign(['cred', 'encrypt', ...args], options)
const decrypt = (args: readonly string[], options?: FakeOptions) =>
  extsign(['cred', 'decrypt', ...args], options)

/** What `inspect` finds in a credential with a null key. */
async function contentOf(args: readonly string[], options?: FakeOptions) {
  const { stdout } = await encrypt(['--with-key=null', ...args, '-'], options)
  const { stdout: json } = await extsign(['cred', 'inspect', '--json', '-'], {
    input: bytes(stdout),
  })
  return JSON.parse(json).content
}

describe('the name', () => {
  test.each([
    ['of the input, where there is no output', [at('plain')], 'plain'],
    ['that is given', ['--name=other', at('plain')], 'other'],
    ['none', ['--name=', at('plain')], undefined],
    ['none, where everything is a pipe', ['-'], undefined],
  ])('is that %s', async (_, args, name) => {
    expect((await contentOf(args)).name).toBe(name)
  })

  test('is that of the output before that of the input', async () => {
    await encrypt(['--with-key=null', at('plain'), at('out.cred')])
    const { stdout } = await extsign(['cred', 'inspect', '--json', at('out.cred')])
    expect(JSON.parse(stdout).content.name).toBe('out')
  })

  test('in a credential store has to be that of the file', async () => {
    const out = join(folder, 'credstore.encrypted')
    const { stderr } = await encrypt(['--with-key=null', '--name=a', at('plain'), join(out, 'b')])
    expect(stderr).toContain("is looked up as 'b', and refused because it is called 'a'")
  })
})

test.each([
  ['the secret', [at('plain'), at('./plain')]],
  ['the secret of the host', [at('plain'), secret]],
])('%s is not replaced by the credential, with --force neither', async (_, files) => {
  const before = readFileSync(files[1]!)
  const { code, stderr } = await encrypt(['--force', '--with-key=host', ...HOST, ...files])
  expect(stderr).toMatch(/ would replace .*, which is read for it$/m)
  expect(code).toBe(2)
  expect(readFileSync(files[1]!)).toEqual(before)
})

describe('the times', () => {
  const epoch = { environment: { SOURCE_DATE_EPOCH: '1700000000' } }
  test.each([
    ['now', [], {}, NOW, undefined],
    ['that of SOURCE_DATE_EPOCH', [], epoch, '2023-11-14T22:13:20Z', undefined],
    ['the ones given', ['--timestamp=@1', '--not-after=@2'], epoch, '1970-01-01T00:00:01Z', '02Z'],
    ['none', ['--timestamp='], epoch, undefined, undefined],
    ['one from now on', ['--not-after=+1d'], {}, NOW, '2026-11-21T12:00:00Z'],
  ])('are %s', async (_, args, options, timestamp, notAfter) => {
    const content = await contentOf([...args, at('plain')], options)
    expect(content.timestamp).toBe(timestamp)
    expect(content.notAfter?.endsWith(notAfter ?? '')).toBe(
      notAfter === undefined ? undefined : true,
    )
  })

  test('that are wrong are misuse, and those out of order a failure', async () => {
    const none = ['--not-after=@18446744073710', '--not-after=constructor', '--not-after=+8000y']
    for (const option of none) {
      const { code, stderr } = await encrypt(['--with-key=null', option, at('plain'), '-'])
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/not a time/),
      })
    }
    const environment = { SOURCE_DATE_EPOCH: `${2 ** 53 - 1}` }
    const beyond = await encrypt(['--with-key=null', at('plain'), '-'], { environment })
    expect(beyond).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/more than a credential/),
    })
    const wrong = await encrypt(['--with-key=null', '--timestamp=soon', at('plain'), '-'])
    expect(wrong).toMatchObject({ code: 2, stdout: '' })
    const late = await encrypt(['--with-key=null', '--not-after=@1', at('plain'), '-'])
    expect(late).toMatchObject({ code: 1, stdout: '' })
    expect(late.stderr).toContain('it would end before it begins')
  })
})

describe('the output', () => {
  test('is for its owner only, and complete or absent', async () => {
    await encrypt([...HOST, at('plain'), at('sealed')])
    expect(statSync(at('sealed')).mode & 0o777).toBe(0o600)
    await decrypt([...HOST, at('sealed'), at('opened')])
    expect(statSync(at('opened')).mode & 0o777).toBe(0o600)
    expect(readFileSync(at('opened'), 'utf8')).toBe('hunter2')
    expect((await decrypt([...HOST, '--name=no', at('sealed'), at('refused')])).code).toBe(3)
    expect(existsSync(at('refused'))).toBe(false)
  })

  test('is not replaced without --force', async () => {
    writeFileSync(at('there'), 'before')
    expect(await encrypt([...HOST, at('plain'), at('there')])).toMatchObject({ code: 1 })
    expect(readFileSync(at('there'), 'utf8')).toBe('before')
    expect(await encrypt([...HOST, '--force', at('plain'), at('there')])).toMatchObject({ code: 0 })
    const opened = await decrypt([...HOST, at('there'), at('plain')])
    expect(opened.stderr).toContain('--force replaces it')
  })

  test('as JSON tells all, and the credential where there is no file', async () => {
    const toFile = await encrypt([...HOST, '--json', at('plain'), at('with-json')])
    expect(JSON.parse(toFile.stdout)).toMatchObject({
      output: at('with-json'),
      type: 'host',
      name: 'with-json',
      timestamp: NOW,
      since: { since: '250' },
      warnings: [],
    })
    const printed = JSON.parse((await encrypt([...HOST, '--json', at('plain'), '-'])).stdout)
    const opened = await decrypt([...HOST, '--json', '-'], { input: bytes(printed.credential) })
    expect(JSON.parse(opened.stdout)).toEqual({
      input: '-',
      type: 'host',
      name: 'plain',
      secret: 'aHVudGVyMg==',
      timestamp: NOW,
    })
  })
})

describe('on a terminal', () => {
  test('a secret ends with a newline', async () => {
    const { stdout } = await encrypt(['--with-key=null', '--name=', at('plain'), '-'])
    const open = (args: string[], terminal: boolean) =>
      decrypt([...args, '-'], { input: bytes(stdout), terminal }).then((each) => each.stdout)
    expect(await open([], true)).toBe('hunter2\n')
    expect(await open([], false)).toBe('hunter2')
    expect(await open(['--newline=no'], true)).toBe('hunter2')
    expect(await open(['--newline=yes'], false)).toBe('hunter2\n')
  })

  test('a secret that would move the cursor is not shown', async () => {
    const input = Uint8Array.of(0x1b, 0x5b, 0x32, 0x4a)
    const { stdout } = await encrypt(['--with-key=null', '--name=', '-', '-'], { input })
    const opened = await decrypt(['-'], { input: bytes(stdout), terminal: true })
    expect([opened.code, opened.stdout]).toEqual([2, ''])
    const hex = await decrypt(['--transcode=hex', '-'], { input: bytes(stdout), terminal: true })
    expect(hex.stdout).toBe('1b5b324a\n')
  })
})

describe('a null key', () => {
  test('can be refused, or not', async () => {
    const { stdout } = await encrypt(['--with-key=tpm2-absent', '--name=', at('plain'), '-'])
    const input = bytes(stdout)
    const refused = await decrypt(['--refuse-null', '-'], { input })
    expect([refused.code, refused.stdout]).toEqual([3, ''])
    expect(refused.stderr).toContain('anybody could have made it')
    expect((await decrypt(['--allow-null', '-'], { input })).stdout).toBe('hunter2')
    expect((await decrypt(['--allow-null', '--refuse-null', '-'], { input })).code).toBe(2)
  })

  test('is what auto-initrd makes where there is no TPM', async () => {
    if (existsSync('/dev/tpmrm0')) return
    const { stdout, stderr } = await encrypt(['--with-key=auto-initrd', '--json', at('plain'), '-'])
    expect(JSON.parse(stdout).type).toBe('null')
    expect(stderr).toContain('a null key hides nothing')
  })
})

describe('misuse ends with 2 and writes nothing:', () => {
  const cases: [string, string[], string][] = [
    ['nothing to seal with', [], 'there is nothing to seal with'],
    ['two keys', ['--host', '--with-key=null'], '--host and --with-key exclude each other'],
    ['a host secret for nothing', ['--with-key=null', ...HOST], '--host-secret: not used'],
    ['PCRs for nothing', [...HOST, '--tpm2-pcrs=7'], '--tpm2-pcrs: not used'],
    ['a user without a host', ['--with-key=null', '--uid=0'], 'always sealed with the host secret'],
    ['--user and --uid', [...HOST, '--user', '--uid=0'], '--uid and --user exclude each other'],
    ['a name for nobody', [...HOST, '--user-name=x'], 'says something only beside --uid'],
    ['a user of 2^32', [...HOST, '--uid=4294967296', '--user-name=x'], 'not the number of a user'],
    ['a bad machine', [...HOST, '--machine-id=x'], "'x' is not a machine ID"],
    ['a bad version', [...HOST, '--target-version=25'], "'25' is not a version of systemd"],
    ['a bad PCR', ['-T', '--tpm2-pcrs=24'], "'24' is no PCR"],
    ['a bad bank', ['-T', '--tpm2-pcrs=7:md5=00'], "'md5' is no PCR bank"],
    ['a short value', ['-T', '--tpm2-pcrs=7:sha256=00'], 'has 1 bytes, those of sha256 have 32'],
    ['values of a key', ['-T', '--tpm2-public-key-pcrs=7:sha256'], 'only their numbers'],
    ['no PCRs of a key', ['-T', '--tpm2-public-key-pcrs=x'], "'x' is no PCR"],
  ]
  test.each(cases)('%s', async (_, args, message) => {
    const environment = { SYSTEMD_CREDENTIAL_SECRET: at('nothing-here') }
    const outcome = await encrypt([...args, at('plain'), at('never')], { environment })
    expect(outcome).toMatchObject({ code: 2, stdout: '' })
    expect(outcome.stderr).toContain(message)
    expect(existsSync(at('never'))).toBe(false)
  })
})

test('too old a target is refused before anything is written', async () => {
  const scope = ['--uid=0', '--user-name=root', '--machine-id', MACHINE]
  const args = [...HOST, ...scope, '--target-version=255', at('plain'), at('too-old')]
  const { code, stderr } = await encrypt(args)
  expect([code, existsSync(at('too-old'))]).toEqual([1, false])
  expect(stderr).toContain("type 'host, scoped' came with systemd 256")
})

test('the host secret of the environment is taken where none is given', async () => {
  const environment = { SYSTEMD_CREDENTIAL_SECRET: secret }
  const args = ['--machine-id', MACHINE]
  const sealed = await encrypt([...args, '--name=', at('plain'), '-'], { environment })
  expect(sealed.code).toBe(0)
  const opened = await decrypt([...args, '-'], { environment, input: bytes(sealed.stdout) })
  expect(opened.stdout).toBe('hunter2')
})

test('no error repeats the secret', async () => {
  for (const args of [
    ['--name=a/b', ...HOST, at('plain'), '-'],
    [...HOST, '--target-version=100', at('plain'), '-'],
    ['--host-secret', at('plain'), at('plain'), '-'],
    ['--tpm2-device-key', at('plain'), at('plain'), '-'],
  ]) {
    const { code, stdout, stderr } = await encrypt(args)
    expect(code).toBe(1)
    expect(stdout + stderr).not.toContain('hunter2')
  }
})

describe('standard input', () => {
  async function* chunks(...sizes: number[]) {
    for (const size of sizes) yield new Uint8Array(size).fill(size)
  }

  test('is read to its end', async () => {
    expect(await readStream(chunks(1, 2), 3)).toEqual(Uint8Array.of(1, 2, 2))
    expect(await readStream(chunks(), 3)).toEqual(new Uint8Array(0))
  })

  test('is not read further than allowed', async () => {
    expect(await readStream(chunks(1, 2, 3), 2)).toBeUndefined()
  })

  test('with too large a secret is refused', async () => {
    const input = new Uint8Array(1_048_577)
    const { code, stderr } = await encrypt(['--with-key=null', '-', '-'], { input })
    expect(code).toBe(1)
    expect(stderr).toContain('standard input has more than 1048576 bytes')
  })
})
