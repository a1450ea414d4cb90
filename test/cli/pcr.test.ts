import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { makeTestKey } from '../keys/test-keys.ts'
import { makePolicyKey, room } from '../policies/images.ts'
import { type MadeSection, makeUki } from '../support/pe.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign, type FakeOptions } from './fake-context.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const key = makePolicyKey()
const other = makePolicyKey()

const profile = (id: string): MadeSection => ({ name: '.profile', content: `ID=${id}\n` })
const IMAGE = [
  { name: '.pcrpkey', content: key.publicKeyPem },
  { name: '.dtbauto', content: 'tree' },
  ...[profile('main'), room(), profile('reset'), room()],
]

beforeAll(() => {
  const write = (name: string, content: string | Uint8Array) => {
    writeFileSync(at(name), content)
    chmodSync(at(name), 0o600)
  }
  write('linux', 'HALLO\n')
  write('initrd', 'foobar\n')
  write('pcr.key', key.keyPem)
  write('pcr.pub', key.publicKeyPem)
  write('pcr.crt', key.certificatePem)
  write('other.pub', other.publicKeyPem)
  write('ec.key', makeTestKey('p256').keyPem)
  write('linux.efi', makeUki(IMAGE))
  write('old.efi', makeUki([], { stub: '255.1' }))
  write('signed.efi', makeUki(IMAGE, { certificates: new Uint8Array(16) }))
  write('text', 'hello')
})

/** Runs it; words that name files of the folder become their paths. */
const pcr = (text: string, options?: FakeOptions) =>
  extsign(
    ['pcr', ...text.split(' ')].map((word) => {
      const [, head = '', name = ''] = /^(--[a-z-]+=|)(.*)$/.exec(word) ?? []
      return /^[a-z-]+\.(?:efi|key|pub|crt|json|sig)$|^(?:linux|initrd|text)$/.test(name)
        ? `${head}${at(name)}`
        : word
    }),
    options,
  )

describe('calculate', () => {
  test('prints what is what to standard error, and values to standard output', async () => {
    expect(await pcr('calculate --linux=linux --initrd=initrd --bank=sha256 --phase=:')).toEqual({
      code: 0,
      stdout: '11:sha256=37b48bd0b222394dbe3cceff2fca4660c4b0a90ae9369ec90b42f14489989c13\n',
      stderr: '# PCR[11] Phase <:>\n',
    })
  })

  test('prints a block for each boot of an image', async () => {
    const { stdout, stderr } = await pcr(
      'calculate --uki linux.efi --bank sha1 --phase : --phase a',
    )
    expect(stderr).toBe('')
    const titles = stdout.split('\n').filter((line) => /^\S/.test(line))
    expect(titles).toEqual([
      'profile 0, dtbauto 0',
      'profile 0, dtbauto none',
      'profile 1, dtbauto 0',
      'profile 1, dtbauto none',
    ])
    expect(stdout).toMatch(/^ {2}:\n {4}11:sha1=[0-9a-f]{40}\n {2}a\n {4}11:sha1=[0-9a-f]{40}\n/m)
  })

  test('says in JSON which boot a value is of', async () => {
    const { stdout } = await pcr('calculate --uki linux.efi --bank sha1 --phase a --json')
    expect(JSON.parse(stdout).sha1).toEqual(
      [
        [0, 0],
        [0, null],
        [1, 0],
        [1, null],
      ].map(([profile, dtbauto]) => {
        return {
          profile,
          dtbauto,
          phase: 'a',
          pcr: 11,
          hash: expect.stringMatching(/^[0-9a-f]{40}$/),
        }
      }),
    )
  })

  test('looks at one profile only where it is told to', async () => {
    const { stdout } = await pcr('calculate --uki linux.efi --profile 1 --bank sha1')
    expect(stdout).toMatch(/^profile 1, dtbauto 0$/m)
    expect(stdout).not.toContain('profile 0')
    const none = await pcr('calculate --uki linux.efi --profile 2')
    expect(none).toMatchObject({ code: 1 })
    expect(none.stderr).toContain('no profile 2: there are 2 profiles, counted from 0')
  })

  test('is pretty on a terminal', async () => {
    const { stdout } = await pcr('calculate --linux=linux --bank=sha1 --phase=: -j', {
      terminal: true,
    })
    expect(stdout).toMatch(/^\{\n\t"sha1" : \[\n\t\t\{\n\t\t\t"pcr" : 11,/)
  })

  test('does what an older stub does', async () => {
    const versions = ['', ' --stub-version 252', ' --stub-version 262']
    const outputs = await Promise.all(
      versions.map((version) => pcr(`calculate --uki old.efi --bank sha1${version}`)),
    )
    expect(outputs.map(({ code }) => code)).toEqual([0, 0, 0])
  })

  test.each([
    ['calculate', 'neither --linux nor --uki is given'],
    ['calculate --linux=', 'neither --linux nor --uki is given'],
    [
      'calculate --uki linux.efi --linux=linux --initrd=initrd',
      '--uki and --linux, --initrd exclude each other',
    ],
    ['calculate --linux=linux --stub-version 257', '--stub-version is about a --uki'],
    ['calculate --uki linux.efi --profile text', "--profile: '"],
    [
      'calculate --linux=linux --bank=md5',
      "--bank: 'md5' is not one of sha1, sha256, sha384, sha512",
    ],
    ['calculate --linux=linux --json=long', "--json: 'long' is not one of"],
    ['calculate --linux=linux --current', 'unknown option --current'],
    ['sign --linux=linux', '--private-key is missing'],
    [
      'sign --linux=linux --private-key=pcr.key --public-key=pcr.pub --certificate=pcr.crt',
      'exclude each other',
    ],
    [
      'sign --linux=linux --private-key=pcr.key --private-key-source=engine:x',
      '--private-key-source: ',
    ],
    ['sign --linux=linux --private-key=pcr.key -o linux.json', '--output is for the UKI'],
    ['sign --uki linux.efi --private-key=pcr.key --force', '--force is about'],
    [
      'sign --uki linux.efi --private-key=pcr.key --strip-authenticode',
      '--strip-authenticode is about',
    ],
    ['join linux', 'either --uki or --request'],
    ['join linux --uki linux.efi --request text', 'either --uki or --request'],
    ['verify linux.efi --uki linux.efi', 'is an image itself'],
  ])('%s is misuse', async (line, message) => {
    const { code, stdout, stderr } = await pcr(line)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
  })

  test.each([
    ['calculate --linux=missing.efi', 'missing.efi: no such file'],
    ['calculate --uki text', 'text: pe: DOS header needs 64 bytes'],
    ['sign --linux=linux --private-key=ec.key', 'p256 keys never unlock anything'],
    ['sign --linux=linux --private-key=pcr.key --public-key=other.pub', 'is for another key than'],
    [
      'sign --linux=linux --private-key=pcr.key --append=text',
      'text: PCR signature: text is not JSON',
    ],
    ['policy-digest --linux=linux --public-key=pcr.key', 'no PUBLIC KEY block, found PRIVATE KEY'],
    ['verify missing.json', 'missing.json'],
  ])('%s fails', async (line, message) => {
    const { code, stdout, stderr } = await pcr(line)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain(message)
  })
})

describe('sign', () => {
  test('places signatures in an image, which verifies', async () => {
    const signed = await pcr('sign --uki linux.efi --private-key pcr.key -o placed.efi')
    expect(signed).toEqual({
      code: 0,
      stdout: `${at('placed.efi')}: signatures of 64 states\n  next  sign it for Secure Boot: its content has changed, and with it PCR 4\n`,
      stderr: '',
    })
    const verified = await pcr('verify placed.efi --public-key pcr.pub')
    expect(verified.code).toBe(0)
    expect(verified.stdout).toContain('ok    signature: 64 verified\n')
    expect(verified.stdout).toContain(`${at('placed.efi')} is ok\n`)
    const stranger = await pcr('verify placed.efi --public-key other.pub --json')
    expect(stranger.code).toBe(3)
    expect(JSON.parse(stranger.stdout)).toMatchObject({ path: at('placed.efi'), verdict: 'wrong' })
  })

  test('writes the JSON to a file, and never over another one', async () => {
    const line = 'sign --uki linux.efi --private-key pcr.key --signatures signatures.json'
    expect(await pcr(line)).toEqual({ code: 0, stdout: '', stderr: '' })
    const before = readFileSync(at('signatures.json'))
    expect(await pcr(line)).toMatchObject({ code: 1 })
    expect(readFileSync(at('signatures.json')).equals(before)).toBe(true)
    expect(await pcr(`${line} --force --bank sha1 --json=short`)).toMatchObject({ code: 0 })
    expect(readFileSync(at('signatures.json')).equals(before)).toBe(false)
    const printed = await pcr('sign --uki linux.efi --private-key pcr.key')
    expect(printed.stdout).toBe(before.toString())
  })

  test('warns of a phase that no boot gets to', async () => {
    const phases = '--phase=sysinit:enter-initrd --phase=mine --phase=sysinit'
    const signed = await pcr(`sign --linux=linux --bank=sha1 --private-key=pcr.key ${phases}`)
    expect(signed.code).toBe(0)
    expect(signed.stderr).toBe(
      'extsign: warning: phase sysinit:enter-initrd: enter-initrd never follows on sysinit\n',
    )
  })

  test('refuses an image that is signed for Secure Boot, unless that may go', async () => {
    const line = 'sign --uki signed.efi --private-key pcr.key -o unsigned.efi'
    const refused = await pcr(line)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('hint: --strip-authenticode removes it')
    expect(existsSync(at('unsigned.efi'))).toBe(false)
    expect(await pcr(`${line} --strip-authenticode`)).toMatchObject({ code: 0 })
  })

  test('asks for the passphrase of a key, or takes it from a file', async () => {
    const encrypted = key.key.export({
      ...{ type: 'pkcs8', format: 'pem' },
      ...{ cipher: 'aes-256-cbc', passphrase: 'hunter2' },
    })
    writeFileSync(at('locked.key'), encrypted, { mode: 0o600 })
    writeFileSync(at('pass.key'), 'hunter2\n', { mode: 0o600 })
    const line = 'sign --linux=linux --bank=sha1 --phase=: --private-key=locked.key'
    expect(await pcr(line)).toMatchObject({ code: 1 })
    const asked = await pcr(line, { passphrase: 'hunter2' })
    expect(asked.stderr).toContain('Passphrase of')
    expect(await pcr(`${line} --passphrase-file=pass.key`)).toEqual({ ...asked, stderr: '' })
  })
})

describe('sign adds to the file that it appends to', () => {
  const digests = () => [...readFileSync(at('kept.json'), 'utf8').matchAll(/"pol":"(\w+)"/g)]
  const add = (initrd: string) =>
    pcr(
      `sign --linux=linux --initrd=${initrd} --private-key=pcr.key --append=linked.json --signatures=linked.json --force`,
    )

  test('and nothing is lost where two do at once, though a link leads to it', async () => {
    await pcr('sign --linux=linux --private-key=pcr.key --signatures=kept.json')
    chmodSync(at('kept.json'), 0o640)
    symlinkSync('kept.json', at('linked.json'))
    const each = digests().length
    const outcomes = await Promise.all(['initrd', 'text'].map(add))
    const done = outcomes.filter(({ code }) => code === 0).length
    expect(done).toBeGreaterThanOrEqual(1)
    expect(digests()).toHaveLength(each * (1 + done))
    for (const { code, stderr } of outcomes) {
      if (code !== 0) expect(stderr).toMatch(/is being changed by|was changed after/)
    }
    for (const initrd of ['initrd', 'text']) expect((await add(initrd)).code).toBe(0)
    expect(digests()).toHaveLength(each * 3)
    expect(readlinkSync(at('linked.json'))).toBe('kept.json')
    expect(statSync(at('kept.json')).mode & 0o777).toBe(0o640)
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
  })
})

describe('sign with a key that is elsewhere', () => {
  const sign = (words: readonly string[], ...options: readonly string[]) => {
    const source = ['--private-key-source=command', '--private-key', JSON.stringify(words)]
    return extsign(['pcr', 'sign', '--linux', at('linux'), ...source, ...options])
  }
  const signer = (keyFile: string) => {
    const script = `
      const { sign } = require('node:crypto')
      const { readFileSync, writeSync } = require('node:fs')
      writeSync(1, sign('sha256', readFileSync(0), readFileSync(${JSON.stringify(keyFile)})))`
    return [process.execPath, '--eval', script]
  }

  test('prints what a key in a file gives', async () => {
    const here = await pcr('sign --linux=linux --private-key=pcr.key')
    const there = await sign(signer(at('pcr.key')), '--certificate', at('pcr.crt'))
    expect(there).toEqual(here)
  })

  test('refuses another key, and asks for the certificate to tell by', async () => {
    writeFileSync(at('other.key'), other.keyPem, { mode: 0o600 })
    const wrong = await sign(signer(at('other.key')), '--certificate', at('pcr.crt'))
    expect(wrong).toMatchObject({ code: 1, stdout: '' })
    expect(wrong.stderr).toContain('that are no signature by the key of')
    for (const options of [[], ['--public-key', at('pcr.pub')]]) {
      const { code, stderr } = await sign(signer(at('pcr.key')), ...options)
      expect([code, stderr]).toEqual([2, expect.stringContaining("needs the key's --certificate")])
    }
  })

  test('has no use for a timeout of files', async () => {
    const { code, stderr } = await pcr(
      'sign --linux=linux --private-key=pcr.key --signing-timeout=1',
    )
    expect([code, stderr]).toEqual([2, expect.stringContaining('--signing-timeout says nothing')])
  })
})

describe('join', () => {
  const answer = async (): Promise<void> => {
    const { stdout } = await pcr('sign --uki linux.efi --private-key pcr.key')
    writeFileSync(at('answer.json'), stdout)
  }

  test('fills in what was sent out', async () => {
    await answer()
    const request = await pcr('policy-digest --uki linux.efi --certificate pcr.crt')
    writeFileSync(at('request.json'), request.stdout)
    const line = 'join answer.json --request request.json --public-key pcr.pub'
    const { code, stdout, stderr } = await pcr(line)
    expect([code, stderr]).toEqual([0, ''])
    const [entry] = JSON.parse(stdout).sha256
    expect(Object.keys(entry)).toEqual(['pcrs', 'pkfp', 'pol', 'tbs', 'sig'])
    const wrong = await pcr('join answer.json --request request.json --public-key other.pub')
    expect(wrong).toMatchObject({ code: 1, stdout: '' })
  })

  test('says what is still open', async () => {
    const request = await pcr('policy-digest --linux=linux --bank=sha1')
    const signed = await pcr(
      'sign --linux=linux --bank=sha1 --phase=enter-initrd --private-key=pcr.key',
    )
    writeFileSync(at('request.json'), request.stdout)
    writeFileSync(at('answer.json'), signed.stdout)
    const { stderr } = await pcr('join answer.json --request request.json --public-key pcr.pub')
    expect(stderr).toBe('extsign: warning: 3 policies are not signed yet\n')
  })

  test('places what came back, with the key of the image', async () => {
    await answer()
    expect(await pcr('join answer.json --uki linux.efi -o joined.efi')).toMatchObject({ code: 0 })
    expect(await pcr('sign --uki linux.efi --private-key pcr.key -o direct.efi')).toMatchObject({
      code: 0,
    })
    expect(readFileSync(at('joined.efi')).equals(readFileSync(at('direct.efi')))).toBe(true)
  })

  test('refuses signatures for another image', async () => {
    const { stdout } = await pcr('sign --linux=linux --private-key=pcr.key')
    writeFileSync(at('answer.json'), stdout)
    const { code, stderr } = await pcr('join answer.json --uki linux.efi -o strange.efi')
    expect(code).toBe(1)
    expect(stderr).toContain('belongs to no policy asked for')
    expect(existsSync(at('strange.efi'))).toBe(false)
  })

  test('needs to know whose they are', async () => {
    await answer()
    expect(await pcr('join answer.json --uki old.efi')).toMatchObject({ code: 2 })
    expect(await pcr('join answer.json --request answer.json')).toMatchObject({ code: 2 })
  })
})
