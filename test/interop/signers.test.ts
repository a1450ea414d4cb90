/** Keys outside of the process, as in docs/guides/signers.md: each signs a real image. */

import { spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { EXTSIGN, extsign, runExtsign } from '../support/extsign.ts'
import { type KeyFiles, makeKey } from '../support/keys.ts'
import { output, run } from '../support/run.ts'
import { startTpm } from '../support/swtpm.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const ROOT = join(import.meta.dirname, '../..')
const GUIDE = readFileSync(join(ROOT, 'docs/guides/signers.md'), 'utf8')
const MODULE = '/usr/lib/softhsm/libsofthsm2.so'
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

/** The recipes of one section of the guide, as one script. */
function recipeOf(section: string): string {
  const text = GUIDE.split(/^## /m).find((part) => part.startsWith(section)) ?? ''
  return [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block).join('')
}

/** A folder with what the guide's reader has. */
function prepare(folder: string): Record<string, string> {
  mkdirSync(join(folder, 'bin'), { recursive: true })
  cpSync(join(ROOT, 'extensions/hello'), join(folder, 'hello'), { recursive: true })
  const command = join(folder, 'bin/extsign')
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${EXTSIGN}' "$@"\n`)
  chmodSync(command, 0o755)
  extsign(['keys', 'new', '--directory', join(folder, 'keys'), '--algorithm', 'rsa2048'])
  return { PATH: `${join(folder, 'bin')}:${PATH}`, LC_ALL: 'C.UTF-8' }
}

const sign = (folder: string, source: string, key: string, certificate: string) => [
  ...['sysext', join(folder, 'hello'), '--id', '_any', '--force', '--quiet', '--output'],
  ...[join(folder, 'hello.sysext.raw'), '--private-key-source', source],
  ...[`--private-key=${key}`, '--certificate', certificate],
]

describe.runIf(available('openssl'))('openssl as a command', () => {
  const folder = temporaryFolder()
  let env: Record<string, string>
  beforeAll(() => {
    env = prepare(folder)
  })

  test.each(['rsa2048', 'rsa4096', 'p256', 'p384'] as const)('signs with %s', (kind) => {
    const { privateKey, certificate } = makeKey(folder, kind)
    const words = JSON.stringify(['openssl', 'dgst', '-sha256', '-sign', privateKey])
    extsign(sign(folder, 'command', words, certificate), { env })
    const byCommand = readFileSync(join(folder, 'hello.sysext.raw'))
    extsign(['verify', '--quiet', join(folder, 'hello.sysext.raw'), '--certificate', certificate])
    if (!kind.startsWith('rsa')) return
    extsign(sign(folder, 'file', privateKey, certificate), { env })
    expect(readFileSync(join(folder, 'hello.sysext.raw')).equals(byCommand)).toBe(true)
  })

  test('leaves the image as it was when it fails', () => {
    const { certificate } = makeKey(folder, 'rsa2048', 'other')
    const before = readFileSync(join(folder, 'hello.sysext.raw'))
    const words = JSON.stringify(['openssl', 'dgst', '-sha256', '-sign', 'no-such.key'])
    const { status, stderr } = runExtsign(sign(folder, 'command', words, certificate), { env })
    expect([status, stderr]).toEqual([1, expect.stringMatching(/openssl ended with 1; it said: /)])
    const wrong = JSON.stringify([
      'openssl',
      'dgst',
      '-sha256',
      '-sign',
      join(folder, 'keys/release.key'),
    ])
    const second = runExtsign(sign(folder, 'command', wrong, certificate), { env })
    expect([second.status, second.stderr]).toEqual([1, expect.stringMatching(/no signature by/)])
    expect(readFileSync(join(folder, 'hello.sysext.raw')).equals(before)).toBe(true)
  })
})

describe.runIf(available('openssl'))('an agent', () => {
  const folder = temporaryFolder()
  let key: KeyFiles
  const socket = join(folder, 'agent.sock')
  beforeAll(() => {
    prepare(folder)
    key = makeKey(folder, 'rsa2048')
  })

  async function start() {
    const args = ['--private-key', key.privateKey, '--certificate', key.certificate]
    const child = spawn(process.execPath, [EXTSIGN, 'agent', '--socket', socket, ...args])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    return child
  }

  test('signs as the key in the file does, also after one that was killed', async () => {
    const killed = await start()
    killed.kill('SIGKILL')
    await new Promise((resolve) => killed.once('exit', resolve))
    expect(existsSync(socket)).toBe(true)
    const child = await start()
    extsign(sign(folder, 'agent', socket, key.certificate))
    const byAgent = readFileSync(join(folder, 'hello.sysext.raw'))
    child.kill('SIGTERM')
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0)
    expect(existsSync(socket)).toBe(false)
    extsign(sign(folder, 'file', key.privateKey, key.certificate))
    expect(readFileSync(join(folder, 'hello.sysext.raw')).equals(byAgent)).toBe(true)
  })
})

const needs = ['softhsm2-util', 'pkcs11-tool', 'openssl', MODULE, 'pkcs11js'] as const
describe.runIf(available(...needs))('a token', () => {
  const folder = temporaryFolder()
  let env: Record<string, string>
  beforeAll(() => {
    env = { ...prepare(folder), SOFTHSM2_CONF: join(folder, 'softhsm2.conf') }
    output('/bin/sh', ['-ec', recipeOf('A token')], { cwd: folder, env })
  })

  test('signs as the guide says', () => {
    const args = ['--certificate', join(folder, 'token.crt')]
    extsign(['verify', '--quiet', join(folder, 'hello.sysext.raw'), ...args])
  })

  describe.each(['rsa2048', 'rsa4096', 'p256', 'p384'] as const)('with an imported %s', (kind) => {
    const uri = `pkcs11:token=release;object=${kind}?module-path=${MODULE}`
    let key: KeyFiles
    beforeAll(() => {
      key = makeKey(folder, kind)
      const id = Buffer.from(kind).toString('hex')
      const names = ['--label', kind, '--id', id, '--token', 'release', '--pin', '1234']
      output(tool('softhsm2-util'), ['--import', key.privateKey, ...names], { env })
    })

    test('signs as the key in the file does', () => {
      const pin = { env: { ...env, EXTSIGN_PIN: '1234' } }
      extsign(sign(folder, 'pkcs11', uri, key.certificate), pin)
      const byToken = readFileSync(join(folder, 'hello.sysext.raw'))
      const args = ['--certificate', key.certificate]
      extsign(['verify', '--quiet', join(folder, 'hello.sysext.raw'), ...args])
      if (!kind.startsWith('rsa')) return
      extsign(sign(folder, 'file', key.privateKey, key.certificate))
      expect(readFileSync(join(folder, 'hello.sysext.raw')).equals(byToken)).toBe(true)
    })
  })

  describe('that does not sign leaves the image as it was', () => {
    const uri = (token: string, object: string) =>
      `pkcs11:token=${token};object=${object}?module-path=${MODULE}`
    test.each([
      ['a wrong PIN', uri('release', 'release'), '9999', /does not take this PIN/],
      ['no PIN', uri('release', 'release'), '', /wants its PIN/],
      ['a token that is not there', uri('removed', 'release'), '1234', /no token is there/],
      ['no such key', uri('release', 'lost'), '1234', /no private key that fits/],
      ['another key', uri('release', 'p256'), '1234', /no signature by the key of/],
      ['a PIN in the URI', `${uri('release', 'release')}&pin-value=1234`, '', /has the PIN in it/],
      ['no module', 'pkcs11:token=release?module-path=/no.so', '1234', /\/no\.so does not load/],
    ])('%s', (_, key, pin, message) => {
      const before = readFileSync(join(folder, 'hello.sysext.raw'))
      const args = sign(folder, 'pkcs11', key, join(folder, 'token.crt'))
      const { status, stderr } = runExtsign(args, { env: { ...env, EXTSIGN_PIN: pin } })
      expect([status, stderr]).toEqual([1, expect.stringMatching(message)])
      expect(stderr).not.toMatch(/1234|9999/)
      expect(readFileSync(join(folder, 'hello.sysext.raw')).equals(before)).toBe(true)
    })
  })
})

describe.runIf(available('tpm2_sign', 'swtpm', 'openssl'))('a TPM', () => {
  const folder = temporaryFolder()
  test('signs as the guide says', async () => {
    const tpm = await startTpm(join(folder, 'tpm'))
    try {
      const env = { ...prepare(folder), TPM2TOOLS_TCTI: tpm.device }
      const script = ['-ec', recipeOf('A TPM')]
      // swtpm lets one program in after the other.
      await setTimeout(100)
      const { status, stdout, stderr } = run('/bin/sh', script, { cwd: folder, env })
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).toContain('hello.sysext.raw is ok')
    } finally {
      await tpm.stop()
    }
  })
})
