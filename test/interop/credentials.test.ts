/** Credentials without a TPM, both ways with systemd-creds of two generations. */

import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  formatCredential,
  formatUnitSetting,
  parseCredentialText,
} from '../../src/formats/credential/text.ts'
import { extsign, runExtsign } from '../support/extsign.ts'
import { GENERATIONS, runInTree } from '../support/reference-trees.ts'
import { systemdCreds, systemdCredsOutput } from '../support/systemd-creds.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const MACHINE = '0123456789abcdef0123456789abcdef'
const OTHER_MACHINE = '00000000000000000000000000000001'
const SECRET = 'hunter2\nwith a second line'

const ready = available('root', 'tree:trixie', 'tree:sid')

describe.runIf(ready).each(GENERATIONS)('%s', (_, tree) => {
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)
  const hostSecret = at('host.secret')

  beforeAll(() => {
    extsign(['cred', 'setup', '--machine-id', MACHINE, hostSecret])
    writeFileSync(at('plain'), SECRET)
  })

  /** Options that choose a key, in extsign's words and in systemd's. */
  const KEYS = [
    ['null', ['--with-key=null'], ['--with-key=null'], []],
    ['host', ['--host-secret', hostSecret], ['--with-key=host'], []],
    [
      'host, scoped to root',
      ['--host-secret', hostSecret, '--machine-id', MACHINE, '--uid=0', '--user-name=root'],
      ['--with-key=host', '--uid=0'],
      ['--uid=0'],
    ],
    [
      'host, scoped to a user',
      ['--host-secret', hostSecret, '--machine-id', MACHINE, '--uid=1', '--user-name=daemon'],
      ['--with-key=host', '--uid=daemon'],
      ['--uid=1'],
    ],
  ] as const

  describe.each(KEYS)('%s', (key, ours, theirs, theirScope) => {
    const name = key.replace(/\W+/g, '-')
    const opening = ours.filter((word) => !word.startsWith('--with-key'))
    const decrypt = (file: string, ...more: string[]) =>
      systemdCreds(tree, folder, ['decrypt', ...theirScope, ...more, file, '-'], { hostSecret })

    test('systemd-creds opens what extsign seals', () => {
      const file = at(`ours-${name}`)
      extsign(['cred', 'encrypt', ...ours, at('plain'), file])
      expect(statSync(file).mode & 0o777).toBe(0o600)
      const { status, stdout } = decrypt(file)
      expect({ status, stdout }).toEqual({ status: 0, stdout: SECRET })
    })

    test('extsign opens what systemd-creds seals', () => {
      const file = at(`theirs-${name}`)
      const args = ['encrypt', ...theirs, '--not-after=+1week', at('plain'), file]
      systemdCredsOutput(tree, folder, args, { hostSecret })
      expect(extsign(['cred', 'decrypt', ...opening, file])).toBe(SECRET)
      const shown = JSON.parse(extsign(['cred', 'decrypt', ...opening, '--json', file]))
      expect(shown.name).toBe(`theirs-${name}`)
      expect(Date.parse(shown.notAfter) - Date.parse(shown.timestamp)).toBeGreaterThan(6e8)
    })

    test('both refuse one bit of difference', () => {
      const { bytes } = parseCredentialText(readFileSync(at(`ours-${name}`)))
      bytes[bytes.length - 20]! ^= 1
      const file = at(`damaged-${name}`)
      writeFileSync(file, formatCredential(bytes))
      expect(decrypt(file, '--name=').status).toBe(1)
      expect(runExtsign(['cred', 'decrypt', ...opening, '--name=', file]).status).toBe(3)
    })

    test('both refuse another name, and take any where none is asked for', () => {
      const file = at(`ours-${name}`)
      expect(decrypt(file, '--name=other').status).toBe(1)
      expect(decrypt(file, '--name=').stdout).toBe(SECRET)
      const wrong = runExtsign(['cred', 'decrypt', ...opening, '--name=other', file])
      expect([wrong.status, wrong.stderr]).toEqual([
        3,
        expect.stringContaining(`it is called 'ours-${name}', not 'other'`),
      ])
      expect(extsign(['cred', 'decrypt', ...opening, '--name=', file])).toBe(SECRET)
    })

    test('both refuse what has expired', () => {
      const file = at(`expired-${name}`)
      const times = ['--timestamp=2001-01-01 UTC', '--not-after=2001-01-02 UTC']
      extsign(['cred', 'encrypt', ...ours, ...times, at('plain'), file])
      expect(decrypt(file).status).toBe(1)
      const refused = runExtsign(['cred', 'decrypt', ...opening, file])
      expect(refused.status).toBe(3)
      expect(refused.stderr).toContain('it was valid until 2001-01-02T00:00:00Z')
      const env = { SYSTEMD_CREDENTIAL_VALIDATE_NOT_AFTER: '0' }
      expect(extsign(['cred', 'decrypt', ...opening, file], { env })).toBe(SECRET)
    })
  })

  test('the largest secret goes both ways, and a byte more does not', () => {
    writeFileSync(at('large'), new Uint8Array(1_048_576).fill(0x61))
    extsign(['cred', 'encrypt', '--host-secret', hostSecret, at('large'), at('ours-large')])
    const out = ['decrypt', at('ours-large'), at('opened')]
    systemdCredsOutput(tree, folder, out, { hostSecret })
    expect(readFileSync(at('opened'))).toEqual(readFileSync(at('large')))
    systemdCredsOutput(tree, folder, ['encrypt', '-H', at('large'), at('theirs-large')], {
      hostSecret,
    })
    extsign(['cred', 'decrypt', '--host-secret', hostSecret, at('theirs-large'), at('again')])
    expect(readFileSync(at('again'))).toEqual(readFileSync(at('large')))
    writeFileSync(at('larger'), new Uint8Array(1_048_577))
    const args = ['cred', 'encrypt', '--with-key=null', at('larger'), at('none')]
    expect(runExtsign(args)).toMatchObject({ status: 1 })
  })

  describe('a host secret', () => {
    test('that systemd-creds made is taken by extsign', () => {
      const made = at('made.secret')
      systemdCredsOutput(tree, folder, ['setup'], { hostSecret: made })
      expect(statSync(made)).toMatchObject({ size: 4112 })
      extsign([
        'cred',
        'encrypt',
        '--host-secret',
        made,
        '--machine-id',
        MACHINE,
        at('plain'),
        at('m'),
      ])
      const opened = systemdCreds(tree, folder, ['decrypt', at('m'), '-'], { hostSecret: made })
      expect(opened.stdout).toBe(SECRET)
    })

    test('that others can read is refused by both', () => {
      const open = at('open.secret')
      writeFileSync(open, readFileSync(hostSecret))
      chmodSync(open, 0o444)
      const args = ['encrypt', '-H', at('plain'), '-']
      expect(systemdCreds(tree, folder, args, { hostSecret: open }).status).toBe(1)
      const refused = runExtsign(['cred', ...args, '--host-secret', open])
      expect(refused.status).toBe(1)
      expect(refused.stderr).toContain('has mode 0444, systemd takes 0400 only')
    })

    test('of another machine is refused by extsign, and deleted by systemd-creds', () => {
      const foreign = at('foreign.secret')
      extsign(['cred', 'setup', '--machine-id', OTHER_MACHINE, foreign])
      const refused = runExtsign([
        ...['cred', 'encrypt', '--host-secret', foreign, '--machine-id', MACHINE],
        ...[at('plain'), '-'],
      ])
      expect([refused.status, refused.stdout]).toEqual([1, ''])
      const args = ['decrypt', '--name=', at('ours-host'), '-']
      expect(systemdCreds(tree, folder, args, { hostSecret: foreign }).status).toBe(1)
      expect(() => statSync(foreign)).toThrow('ENOENT')
    })
  })

  describe('text', () => {
    const input = { input: SECRET }
    const nulls = ['--with-key=null', '--name=a.b c']

    test('has the lines of systemd-creds, in files and in units', () => {
      const file = systemdCredsOutput(tree, folder, ['encrypt', ...nulls, at('plain'), '-'])
      const { bytes } = parseCredentialText(Buffer.from(file))
      expect(formatCredential(bytes)).toBe(file)
      const setting = systemdCredsOutput(tree, folder, [
        'encrypt',
        '-p',
        ...nulls,
        at('plain'),
        '-',
      ])
      const parsed = parseCredentialText(Buffer.from(setting))
      expect(parsed.unitName).toBe('a.b c')
      expect(formatUnitSetting('a.b c', parsed.bytes)).toBe(setting)
    })

    test('of a unit is opened by extsign, and what follows the name by systemd-creds', () => {
      const setting = extsign(['cred', 'encrypt', '-p', ...nulls, '-', '-'], input)
      writeFileSync(at('setting'), setting)
      expect(extsign(['cred', 'decrypt', at('setting')])).toBe(SECRET)
      const text = setting.replace(/^[^:]*:/, '').replaceAll('\\\n', '\n')
      writeFileSync(at('a.b c'), text)
      expect(systemdCredsOutput(tree, folder, ['decrypt', at('a.b c'), '-'])).toBe(SECRET)
    })

    test('of a unit keeps a percent sign in the name from being a specifier', () => {
      const name = ['--with-key=null', '--name=a%h', '-p']
      const verify = (file: string, setting: string) => {
        writeFileSync(at(file), `[Service]\nExecStart=/bin/true\n${setting}`)
        return runInTree(tree, folder, 'systemd-analyze', ['verify', '--man=no', at(file)]).stderr
      }
      const ours = extsign(['cred', 'encrypt', ...name, at('plain'), '-'])
      expect(verify('ours.service', ours)).not.toContain('redential')
      // What systemd-creds writes is read by systemd as the name of root's home.
      const args = ['encrypt', ...name, at('plain'), '-']
      const theirs = systemdCredsOutput(tree, folder, args)
      expect(verify('theirs.service', theirs)).toContain('Credential name "a/root" not valid')
    })

    test('in short lines in a file is opened by both', () => {
      extsign(['cred', 'encrypt', '-p', ...nulls, at('plain'), at('short')])
      expect(extsign(['cred', 'decrypt', '--name=', at('short')])).toBe(SECRET)
      const args = ['decrypt', '--name=', at('short'), '-']
      expect(systemdCredsOutput(tree, folder, args)).toBe(SECRET)
    })

    test.each([
      ['base64', 'x'.repeat(100)],
      ['hex', 'a\nb'],
      ['unbase64', 'aHVu\ndGVyMg==\n'],
      ['unhex', '68 75\n6e'],
    ])('--transcode=%s gives the same', (form, content) => {
      writeFileSync(at('content'), content)
      const sealed = at(`transcode-${form}`)
      extsign(['cred', 'encrypt', '--with-key=null', at('content'), sealed])
      // systemd 257 takes --newline=yes and adds none.
      const newlines = tree === 'sid' ? ['auto', 'yes', 'no'] : ['auto', 'no']
      for (const newline of newlines) {
        const coding = [`--transcode=${form}`, `--newline=${newline}`]
        const args = ['decrypt', ...coding, sealed, '-']
        expect(extsign(['cred', ...args])).toBe(systemdCredsOutput(tree, folder, args))
      }
    })
  })

  test('every type of time is the same moment to both', () => {
    for (const time of ['2031-05-06 UTC', '2031-05-06 07:08:09.5 UTC', '@1900000000']) {
      const seal = ['encrypt', '--with-key=null', `--timestamp=${time}`, at('plain')]
      systemdCredsOutput(tree, folder, [...seal, at('time')])
      const theirs = JSON.parse(extsign(['cred', 'inspect', '--json', at('time')]))
      extsign(['cred', ...seal, '--force', at('time')])
      const ours = JSON.parse(extsign(['cred', 'inspect', '--json', at('time')]))
      expect(ours.content).toEqual(theirs.content)
    }
  })
})
