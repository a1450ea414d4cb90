import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign, type FakeOptions } from './fake-context.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const secret = at('host.secret')

beforeAll(async () => {
  writeFileSync(at('plain'), 'hunter2')
  await extsign(['cred', 'setup', '--machine-id', '0123456789abcdef0123456789abcdef', secret])
})

/** Runs `cred batch` with a manifest of these lines. */
async function batch(
  lines: readonly Readonly<Record<string, unknown>>[],
  args: readonly string[] = [],
  options: FakeOptions = {},
) {
  const text = lines.map((line) => JSON.stringify(line)).join('\n')
  writeFileSync(at('manifest'), text)
  return extsign(['cred', 'batch', ...args, at('manifest')], options)
}

const open = async (file: string) =>
  (await extsign(['cred', 'decrypt', '--host-secret', secret, '--allow-null', file])).stdout

test('seals each line, in folders that it makes', async () => {
  const lines = ['web1/db', 'web2/db.cred'].map((name) => ({
    input: at('plain'),
    output: at(name),
    'host-secret': secret,
    'not-after': '+1week',
  }))
  const { code, stdout, stderr } = await batch(lines)
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: '2 credentials sealed\n',
    stderr: '',
  })
  expect(await open(at('web1/db'))).toBe('hunter2')
  expect(await open(at('web2/db.cred'))).toBe('hunter2')
  expect(statSync(at('web1/db')).mode & 0o777).toBe(0o600)
  expect(statSync(at('web1')).mode & 0o777).toBe(0o700)
  expect(readdirSync(at('web1'))).toEqual(['db'])
  // What shares a secret shares no IV.
  expect(readFileSync(at('web1/db'), 'utf8').slice(0, 60)).not.toBe(
    readFileSync(at('web2/db.cred'), 'utf8').slice(0, 60),
  )
})

test('keeps apart what is sealed for different hosts and users', async () => {
  const other = at('other.secret')
  await extsign(['cred', 'setup', '--machine-id', 'f'.repeat(32), other])
  const user = ['--user-name=lea', '--machine-id=0123456789abcdef0123456789abcdef']
  const keys = [
    [`--host-secret=${secret}`],
    [`--host-secret=${other}`],
    [`--host-secret=${secret}`, '--uid=1000', ...user],
    [`--host-secret=${secret}`, '--uid=1001', ...user],
  ]
  // Twice each, so that keys are used again.
  const lines = [...keys, ...keys].map((options, index) => ({
    input: at('plain'),
    output: at(`apart/${index}`),
    ...Object.fromEntries(options.map((option) => option.slice(2).split('='))),
  }))
  expect((await batch(lines, ['--quiet'])).code).toBe(0)
  for (const index of lines.keys()) {
    const opens = async (options: readonly string[]) =>
      (await extsign(['cred', 'decrypt', ...options, at(`apart/${index}`)])).code === 0
    const own = index % keys.length
    expect(await Promise.all(keys.map(opens))).toEqual(keys.map((_, key) => key === own))
  }
})

test('takes secrets from variables, programs and standard input', async () => {
  const print = [process.execPath, '-e', 'process.stdout.write("from a program")']
  const sources = [{ environment: 'TOKEN' }, { command: print }, { input: '-' }]
  const lines = sources.map((source, index) => ({
    ...source,
    output: at(`source-${index}`),
    'with-key': 'null',
  }))
  const options = {
    environment: { TOKEN: 'from a variable' },
    input: new TextEncoder().encode('from a pipe'),
  }
  expect((await batch(lines, ['--allow-commands', '--quiet'], options)).code).toBe(0)
  expect(await open(at('source-0'))).toBe('from a variable')
  expect(await open(at('source-1'))).toBe('from a program')
  expect(await open(at('source-2'))).toBe('from a pipe')
})

test('runs no program unasked', async () => {
  const marker = at('marker')
  const script = `require("fs").writeFileSync(${JSON.stringify(marker)}, "")`
  const line = { command: [process.execPath, '-e', script], output: at('x'), 'with-key': 'null' }
  const { code, stderr } = await batch([line])
  expect(code).toBe(2)
  expect(stderr).toContain(`${at('manifest')} line 1: it runs a program`)
  expect(existsSync(marker)).toBe(false)
})

test('neither the manifest nor the host secret of this machine is replaced', async () => {
  writeFileSync(at('own.secret'), 'secret')
  symlinkSync(at('own.secret'), at('link.secret'))
  const environment = { SYSTEMD_CREDENTIAL_SECRET: at('link.secret') }
  for (const output of [at('manifest'), at('own.secret'), at('link.secret')]) {
    const line = { input: at('plain'), output, 'with-key': 'null' }
    const { code, stderr } = await batch([line], ['--force'], { environment })
    expect(stderr).toContain(`line 1: ${output} is read, and the output would replace it`)
    expect(code).toBe(2)
  }
  expect(readFileSync(at('own.secret'), 'utf8')).toBe('secret')
})

describe('goes on after', () => {
  const good = () => ({ input: at('plain'), 'with-key': 'null', timestamp: '' })
  const failures: [string, Record<string, unknown>, string][] = [
    ['a missing file', { input: at('missing') }, 'does not exist'],
    ['a missing variable', { input: undefined, environment: 'NONE' }, 'NONE is not set'],
    [
      'a variable whose bytes Node has replaced',
      { input: undefined, environment: 'BINARY' },
      'BINARY holds bytes that are not UTF-8',
    ],
    [
      'a program that fails',
      { input: undefined, command: [process.execPath, '-e', 'process.exit(7)'] },
      'ended with 7',
    ],
    ['a program that is not there', { input: undefined, command: [at('none')] }, 'cannot run'],
    [
      'a missing host secret',
      { 'with-key': 'host', 'host-secret': at('none') },
      'there is no host secret',
    ],
    ['a target that is too old', { 'target-version': '250' }, "type 'null' came with systemd 251"],
    ['a name that is none', { name: 'a/b' }, "'a/b' cannot be the name"],
    ['a moment that is none', { 'not-after': 'soon' }, "'soon' is not a time"],
    ['an output that exists', { output: () => at('there') }, 'exists'],
    ['an output that is a folder', { output: () => at('a-folder') }, 'is a directory'],
  ]
  test.each(failures)('%s', async (what, change, message) => {
    mkdirSync(at('a-folder'), { recursive: true })
    writeFileSync(at('there'), '')
    const name = what.replaceAll(' ', '-')
    const { output = () => at(name), ...rest } = change as { output?: () => string }
    const bad = { ...good(), output: output(), ...rest }
    const lines = [bad, { ...good(), output: at(`${name}-good`) }]
    const args = ['--allow-commands', '--json']
    const environment = { BINARY: '\ufffdx' }
    const { code, stdout, stderr } = await batch(lines, args, { environment })
    expect(code).toBe(1)
    expect(stderr).toContain(`extsign: error: ${at('manifest')} line 1: `)
    const [first, second] = JSON.parse(stdout)
    expect(first).toMatchObject({ line: 1, error: { message: expect.stringContaining(message) } })
    expect(second).toMatchObject({ line: 2, type: 'null', name: `${name}-good` })
    expect(await open(at(`${name}-good`))).toBe('hunter2')
    expect(existsSync(at(name))).toBe(false)
    expect(stdout + stderr).not.toContain('hunter2')
  })
})

test('replaces only with --force', async () => {
  const line = { input: at('plain'), output: at('again'), 'with-key': 'null' }
  await batch([line])
  const before = readFileSync(at('again'), 'utf8')
  expect((await batch([line])).code).toBe(1)
  expect(readFileSync(at('again'), 'utf8')).toBe(before)
  expect((await batch([line], ['--force'])).code).toBe(0)
  expect(readFileSync(at('again'), 'utf8')).not.toBe(before)
})

test('speaks to no socket unasked', async () => {
  for (const device of ['swtpm:host=127.0.0.1,port=1', at('plain')]) {
    const line = { input: at('plain'), output: at('x'), tpm2: true, 'tpm2-device': device }
    const { code, stderr } = await batch([line])
    expect([code, existsSync(at('x'))]).toEqual([2, false])
    expect(stderr).toMatch(/manifest line 1: it (?:speaks|writes) to .*TPM/)
    expect(stderr).toContain('hint: --allow-commands')
    expect((await batch([line], ['--allow-commands'])).code).toBe(1)
  }
  expect(readFileSync(at('plain'), 'utf8')).toBe('hunter2')
})

test('programs find neither the PIN nor what is a source of another line', async () => {
  const print = [process.execPath, '-e', 'process.stdout.write(JSON.stringify(process.env))']
  const lines = [
    { command: print, output: at('seen'), 'with-key': 'null' },
    { environment: 'TOKEN', output: at('token'), 'with-key': 'null' },
    { environment: 'constructor', output: at('no-variable'), 'with-key': 'null' },
  ]
  const environment = { EXTSIGN_PIN: '1234', TOKEN: 'hunter2', VAULT: 'here' }
  const { code, stderr } = await batch(lines, ['--allow-commands'], { environment })
  expect([code, stderr]).toEqual([1, expect.stringContaining('constructor is not set')])
  const seen = JSON.parse(await open(at('seen')))
  expect(seen).toMatchObject({ VAULT: 'here' })
  expect(Object.keys(seen)).not.toContain('TOKEN')
  expect(Object.keys(seen)).not.toContain('EXTSIGN_PIN')
})

test('reads a shared secret once, and others as often as they are named', async () => {
  const count = at('count')
  const script = `require("fs").appendFileSync(${JSON.stringify(count)}, "x"); console.log(process.argv[1])`
  const run = (word: string) => [process.execPath, '-e', script, word]
  const lines = ['a', 'b', 'a', 'a'].map((word, index) => ({
    command: run(word),
    output: at(`shared-${index}`),
    'with-key': 'null',
  }))
  expect((await batch(lines, ['--allow-commands', '--quiet'])).code).toBe(0)
  expect(readFileSync(count, 'utf8')).toBe('xx')
  const opened = await Promise.all(lines.map(({ output }) => open(output)))
  expect(opened).toEqual(['a\n', 'b\n', 'a\n', 'a\n'])
})

describe('when it is interrupted', () => {
  /** Ctrl-C while it works: as soon as there is a file of this name. */
  const interruptAt = async (name: string, args: readonly string[]) => {
    const lines = Array.from({ length: 20_000 }, (_, index) => ({
      input: at('plain'),
      output: at(`${name}/${index}`),
      'with-key': 'null',
      name: 'x',
    }))
    const abort = new AbortController()
    const timer = setInterval(() => {
      if (existsSync(at(name))) abort.abort()
    }, 1)
    const outcome = await batch(lines, args, { signal: abort.signal })
    clearInterval(timer)
    return { ...outcome, written: readdirSync(at(name)).length }
  }

  test('it hears that between lines that share all, and says what was done', async () => {
    const { code, stderr, written } = await interruptAt('many', [])
    expect(code).toBe(130)
    expect(written).toBeLessThan(20_000)
    const rest = `that of line ${written + 1} and those after it are not`
    expect(stderr.split('\n').at(-2)).toBe(
      `extsign: interrupted, ${written} of 20000 credentials are written, ${rest}`,
    )
  })

  test('it says so in JSON too', async () => {
    const { stdout, written } = await interruptAt('many-json', ['--json'])
    const outcomes = JSON.parse(stdout)
    expect(outcomes).toHaveLength(written + 1)
    expect(outcomes.at(-1)).toEqual({
      line: written + 1,
      output: at(`many-json/${written}`),
      error: { code: 'INTERRUPTED', message: expect.stringContaining('were not sealed') },
    })
  })

  test('it ends the program that it waits for', async () => {
    const command = [process.execPath, '-e', 'setInterval(() => {}, 1000)']
    const line = { command, output: at('never'), 'with-key': 'null' }
    const signal = AbortSignal.timeout(300)
    const { code, stderr } = await batch([line], ['--allow-commands'], { signal })
    expect([code, stderr]).toEqual([130, 'extsign: interrupted, nothing was written\n'])
  })
})

test('its JSON is the same array whether it has many elements, one or errors', async () => {
  const line = (name: string) => ({ input: at('plain'), output: at(name), 'with-key': 'null' })
  for (const lines of [
    [line('json-1')],
    [line('json-2'), { ...line('json-3'), input: at('no') }],
  ]) {
    const { stdout } = await batch(lines, ['--json'])
    expect(stdout).toBe(`${JSON.stringify(JSON.parse(stdout), undefined, 2)}\n`)
    expect(JSON.parse(stdout)).toHaveLength(lines.length)
  }
})

test('stops when it is interrupted', async () => {
  const line = { input: at('plain'), output: at('interrupted'), 'with-key': 'null' }
  expect((await batch([line], [], { interrupted: true })).code).toBe(130)
  expect(existsSync(at('interrupted'))).toBe(false)
})

test('shows progress to whoever watches, and a summary', async () => {
  const lines = ['p1', 'p2'].map((name) => ({
    input: at('plain'),
    output: at(name),
    'host-secret': secret,
  }))
  const { stderr } = await batch(lines, [], { terminal: true })
  expect(stderr).toBe('\r\x1b[Ksealing 50 %\r\x1b[Ksealing 100 %\r\x1b[K')
})

test('reads TOML from a file and from standard input', async () => {
  const text = (output: string) => `# for one machine
[[credential]]
input = ${JSON.stringify(at('plain'))}
output = '${output}'
host-secret = '${secret}'
not-after = 2999-01-31T12:00:00Z
`
  writeFileSync(at('fleet.toml'), text(at('toml-file')))
  expect((await extsign(['cred', 'batch', at('fleet.toml')])).code).toBe(0)
  const input = new TextEncoder().encode(`\ufeff${text(at('toml-stdin'))}`)
  const { code, stdout } = await extsign(['cred', 'batch', '--json', '-'], { input })
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject([{ line: 2, notAfter: '2999-01-31T12:00:00Z' }])
  expect(await open(at('toml-file'))).toBe('hunter2')
  expect(await open(at('toml-stdin'))).toBe('hunter2')
})

describe('a manifest is refused as a whole', () => {
  test('with all of its mistakes, and nothing is written', async () => {
    const good = { input: at('plain'), output: at('unwritten'), 'with-key': 'null' }
    const { code, stdout, stderr } = await batch([good, {}, { ...good, nam: 'x' }])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('line 2: one of')
    expect(stderr).toContain('line 3: unknown field "nam"')
    expect(stderr).toContain('hint: did you mean "name"?')
    expect(existsSync(at('unwritten'))).toBe(false)
  })

  test('in which TOML has a mistake', async () => {
    const path = at('wrong.toml')
    writeFileSync(path, `[[credential]]\noutput = "x"\ninput = 'a`)
    const { code, stdout, stderr } = await extsign(['cred', 'batch', path])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toBe(
      `extsign: error: ${path}: line 3, column 9: not TOML: unfinished string\n` +
        'extsign: hint: a manifest that begins with { is JSON Lines, any other is TOML\n',
    )
  })

  test('that is no text', async () => {
    const input = new Uint8Array([0xff, 0xfe, 0x7b])
    const { code, stderr } = await extsign(['cred', 'batch', '-'], { input })
    expect([code, stderr]).toEqual([
      2,
      'extsign: error: standard input: line 1: it is not UTF-8 text\n',
    ])
  })

  test('that claims standard input for itself and a secret', async () => {
    const line = { input: '-', output: at('x'), 'with-key': 'null' }
    const input = new TextEncoder().encode(JSON.stringify(line))
    const { code, stderr } = await extsign(['cred', 'batch', '-'], { input })
    expect(code).toBe(2)
    expect(stderr).toContain('standard input line 1: the secret cannot come from there too')
  })
})
