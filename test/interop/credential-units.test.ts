/** Units with credentials in them: read as systemd reads them, and still read after they are moved. */

import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parseCredentialFile } from '../../src/formats/credential/credential-file.ts'
import { processSectionsOf } from '../../src/formats/unit-file.ts'
import { extsign } from '../support/extsign.ts'
import { GENERATIONS, runInTree } from '../support/reference-trees.ts'
import { systemdCredsOutput } from '../support/systemd-creds.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const ready = available('root', 'tree:trixie', 'tree:sid')
const MACHINE = '0123456789abcdef0123456789abcdef'
const HEAD = '[Service]\nExecStart=/bin/true\n'
const SET = 'SetCredentialEncrypted='
const B = 'QUJDREVG'

const NAME = (name: string) => `Credential name "${name}" not valid`
const BASE64 = 'not valid Base64 data'
const SYNTAX = 'Invalid syntax, ignoring'
const FAILED = 'failed to load properly'

/**
 * A unit, what systemd says of it (`''`: nothing), and what extsign says. A name with a slash is
 * refused and shown by systemd, so that what it has read can be seen.
 */
const UNITS: readonly (readonly [string, string, string, string])[] = [
  ['plain', `${HEAD}${SET}a:${B}\n`, '', ''],
  ['comments', `${HEAD}${SET}a: \\\n# x\n  ${B} \\\n;y \\\n ${B}\n`, '', ''],
  ['empty-line', `${HEAD}${SET}a: \\\n\n ${B}\n`, SYNTAX, 'has no NAME:BASE64'],
  ['to-the-end', `${HEAD}${SET}a: \\\n ${B} \\`, '', ''],
  ['two-backslashes', `${HEAD}${SET}a: \\\\\n ${B}\n`, BASE64, 'is not base64'],
  ['quoted-name', `${HEAD}${SET}"a/":${B}\n`, NAME('"a/"'), `'"a/"' cannot be the name`],
  ['quoted-value', `${HEAD}${SET}a:"${B}"\n`, BASE64, 'is not base64'],
  ['escaped-name', `${HEAD}${SET}a\\b/\\\\c:${B}\n`, NAME('ab/\\c'), "'ab/\\c' cannot be"],
  ['escaped-colon', `${HEAD}${SET}a\\:b:${B}\n`, NAME('a:b'), "'a:b' cannot be"],
  ['escaped-value', `${HEAD}${SET}a:\\x51${B}\n`, BASE64, 'is not base64'],
  ['blank-in-front', `${HEAD}${SET}\\ a/:${B}\n`, NAME(' a/'), "' a/' cannot be"],
  ['percent', `${HEAD}${SET}a%%b/%:${B}\n`, NAME('a%b/%'), "'a%b/%' cannot be"],
  ['joined-name', `${HEAD}${SET}a\\\nb/:${B}\n`, NAME('a b/'), "'a b/' cannot be"],
  ['no-name', `${HEAD}${SET}:${B}\n`, NAME(''), 'it is empty'],
  ['no-value', `${HEAD}${SET}a:\n`, SYNTAX, 'has no NAME:BASE64'],
  ['no-colon', `${HEAD}${SET}a\n`, SYNTAX, 'has no NAME:BASE64'],
  ['returns', `${HEAD}${SET}a/: \\\n ${B}\n`.replaceAll('\n', '\r'), NAME('a/'), "'a/' cannot be"],
  ['nuls', `${HEAD}${SET}a/: \\\n ${B}\n`.replaceAll('\n', '\0'), NAME('a/'), "'a/' cannot be"],
  ['mark', `${HEAD}\xef\xbb\xbf${SET}a/:${B}\n`, NAME('a/'), "'a/' cannot be"],
  ['alphabet', `${HEAD}${SET}a:-_-_\n`, '', ''],
  ['padding', `${HEAD}${SET}a:QQ==${B}\n`, BASE64, 'is incomplete'],
  ['half-a-byte', `${HEAD}${SET}a:QR==\n`, BASE64, 'is incomplete'],
  ['incomplete', `${HEAD}${SET}a:QQ\n`, BASE64, 'is incomplete'],
  ['empty', `${HEAD}${SET}\n`, '', 'it has no SetCredentialEncrypted='],
  ['comment-not-text', `${HEAD}#\xe9\n${SET}a: \\\n;\xff\n ${B}\n`, '', ''],
  ['plain-without-value', `${HEAD}${SET}a:${B}\nSetCredential=a\n`, SYNTAX, ''],
  ['plain-escape', `${HEAD}${SET}a:${B}\nSetCredential=a:\\q\n`, 'unescape', ''],
  ['section', `[Unit]\n${SET}a:${B}\n${HEAD}`, 'in section [Unit]', 'systemd ignores'],
  ['no-section', `${SET}a:${B}\n${HEAD}`, 'outside of section', 'systemd ignores'],
  ['junk', `[Service]junk\n${SET}a:${B}\n`, FAILED, 'not the header of a section'],
  ['not-closed', `${HEAD}${SET}a:${B}\n[Foo\n`, FAILED, 'not the header of a section'],
  ['tab', `${HEAD}[\t]\n`, FAILED, 'not the header of a section'],
  ['quote', `${HEAD}[a"b]\n${SET}a:${B}\n`, FAILED, 'not the header of a section'],
  ['backslash', `${HEAD}[a\\b]\n${SET}a:${B}\n`, FAILED, 'not the header of a section'],
  ['latin-1', `${HEAD}x=\xe9\n${SET}a:${B}\n`, FAILED, 'it is not UTF-8'],
  ['noncharacter', `${HEAD}x=\xef\xbf\xbe\n${SET}a:${B}\n`, FAILED, 'it is not UTF-8'],
  ['latin-1-comment', `${HEAD}# \xe9\n${SET}a:${B}\n`, '', ''],
  ['other-type', `${HEAD}[Socket]\n${SET}a/:${B}\n`, "section 'Socket'", 'it goes into [Service]'],
  ['spaces', `${HEAD}[ Service ]\n${SET}a/:${B}\n`, "section ' Service '", 'systemd ignores'],
  ['back', `${HEAD}[Foo]\n[Service]\n${SET}a/:${B}\n`, NAME('a/'), "'a/' cannot be"],
  ['long-line', `${HEAD}${SET}a:${'QUJD'.repeat(262_144)}\n`, FAILED, 'more than 1048576 bytes'],
  [
    'long-lines',
    `${HEAD}${SET}a: \\\n${`${'QUJD'.repeat(100_000)} \\\n`.repeat(3)}QUJD\n`,
    FAILED,
    'more than 1048576 bytes',
  ],
]

describe.runIf(ready).each(GENERATIONS)('%s', (_, tree) => {
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)

  test('says of units what extsign says', () => {
    mkdirSync(at('units'))
    for (const [name, text] of UNITS) {
      writeFileSync(at(`units/${name}.service`), Buffer.from(text, 'latin1'))
    }
    // At once, because each start takes longer than all of them; every line names its unit.
    const units = UNITS.map(([name]) => at(`units/${name}.service`))
    const { stderr } = runInTree(tree, folder, 'systemd-analyze', ['verify', '--man=no', ...units])
    const verdict = (name: string) =>
      stderr
        .split('\n')
        .filter((line) => line.includes(`${name}.service`))
        .join('\n')
    for (const [name, text, theirs, ours] of UNITS) {
      if (theirs === '') expect(verdict(name), name).not.toMatch(/redential|yntax/)
      else expect(verdict(name), name).toContain(theirs)
      const read = () => parseCredentialFile(Buffer.from(text, 'latin1'), `${name}.service`)
      if (ours === '') expect(read().credentials, name).toHaveLength(1)
      else expect(read, name).toThrow(ours)
    }
  })

  test('takes headers that the other generation refuses, and extsign with it', () => {
    mkdirSync(at('headers'))
    const headers = ['[]', '[a*b]', '[a?b]', '[[a]]']
    for (const [index, header] of headers.entries()) {
      writeFileSync(at(`headers/${index}.service`), `${HEAD}${header}\n`)
      expect(() => parseCredentialFile(Buffer.from(`${HEAD}${header}\n`))).toThrow('not the header')
    }
    const units = headers.map((_, index) => at(`headers/${index}.service`))
    const { stderr } = runInTree(tree, folder, 'systemd-analyze', ['verify', '--man=no', ...units])
    const refused = stderr.match(/service failed to load properly/g) ?? []
    expect(refused).toHaveLength(tree === 'sid' ? headers.length : 0)
  })

  test('looks into the section of the type of the unit', () => {
    mkdirSync(at('types'))
    const types = ['service', 'socket', 'mount', 'swap', 'slice', 'target']
    const sections = ['Service', 'Socket', 'Mount', 'Swap']
    const text = sections.map((section) => `[${section}]\n${SET}a/${section}:${B}\n`).join('')
    for (const type of types) {
      writeFileSync(at(`types/${type}-x.${type}`), text)
      const { stderr } = runInTree(tree, folder, 'systemd-analyze', [
        'verify',
        '--man=no',
        at(`types/${type}-x.${type}`),
      ])
      const found = [...stderr.matchAll(/Credential name "a\/(\w+)" not valid/g)].map(
        ([, name]) => name,
      )
      expect(processSectionsOf(`${type}-x.${type}`)).toEqual(found)
    }
  })

  describe('reads what extsign has moved', () => {
    const OLD = at('old.secret')
    const NEW = at('new.secret')
    const names = ['db', 'a.b c', 'x%y', '\\z', ' q']
    const verify = (path: string) => {
      const args = ['verify', '--man=no', path]
      return runInTree(tree, folder, 'systemd-analyze', args).stderr
    }
    /** What stands behind the colons, read without extsign; systemd-creds takes it as a file. */
    const values = (path: string) =>
      readFileSync(path, 'utf8')
        .replaceAll(/^\s*[#;].*\n/gm, '')
        .replaceAll(/\\\n/g, ' ')
        .match(/(?<=^SetCredentialEncrypted=[^:]*:).*$/gm) ?? []
    const open = (path: string) =>
      values(path).map((value, index) => {
        writeFileSync(at('value'), value)
        const args = ['decrypt', `--name=${names[index]}`, at('value'), '-']
        return systemdCredsOutput(tree, folder, args, { machineId: MACHINE, hostSecret: NEW })
      })
    const expected = names.map((name) => `secret of ${name}`)

    beforeAll(() => {
      for (const secret of [OLD, NEW]) extsign(['cred', 'setup', '--machine-id', MACHINE, secret])
      mkdirSync(at('app.service.d'))
      writeFileSync(at('app.service.d/app.service'), `# caf\u00e9\n${HEAD}`)
      for (const [index, name] of names.entries()) {
        const args = ['encrypt', '-p', `--host-secret=${OLD}`, `--name=${name}`, '-', '-']
        const setting = extsign(['cred', ...args], { input: `secret of ${name}` })
        const written = index % 2 === 0 ? setting : setting.replaceAll('\\\n', '\\\n# x\n')
        appendFileSync(at('app.service.d/app.service'), `${written}\n`)
      }
    })

    test('to another folder', () => {
      const keys = [`--old-host-secret=${OLD}`, `--host-secret=${NEW}`]
      extsign(['cred', 'rekey', ...keys, at('app.service.d'), at('moved')])
      expect(verify(at('moved/app.service'))).not.toContain('redential')
      expect(open(at('moved/app.service'))).toEqual(expected)
    })

    test('where it is', () => {
      const plan = `[[credentials]]\nfiles = "app.service.d"\nold-host-secret = "old.secret"\nhost-secret = "new.secret"\n`
      writeFileSync(at('plan.toml'), plan)
      extsign(['rotate', at('plan.toml')])
      expect(verify(at('app.service.d/app.service'))).not.toContain('redential')
      expect(open(at('app.service.d/app.service'))).toEqual(expected)
    })
  })
})
