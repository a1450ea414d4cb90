/** What `trust check` says of certificates, and what openssl says that is asked as systemd asks it. */

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkTrust } from '../../src/trust/check.ts'
import { extsign } from '../support/extsign.ts'
import { run } from '../support/run.ts'
import { writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

describe.runIf(available('openssl'))('an image signed with a certificate of an authority', () => {
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => {
    const result = run(tool('openssl'), args)
    if (result.status !== 0) throw new Error(result.stderr)
  }
  const subject = (name: string) => ['-subj', `/CN=TEST-DO-NOT-USE ${name}`]
  const newKey = (name: string) => ['-nodes', '-newkey', 'rsa:2048', '-keyout', at(`${name}.key`)]
  openssl('req', '-x509', ...newKey('ca'), ...subject('ca'), '-out', at('ca.crt'))
  openssl('req', '-new', ...newKey('leaf'), ...subject('leaf'), '-out', at('leaf.csr'))
  const issue = (days: string, name: string, serial: string) => {
    const authority = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-set_serial', serial]
    openssl('x509', '-req', '-in', at('leaf.csr'), ...authority, '-days', days, '-out', at(name))
  }
  issue('365', 'leaf.crt', '0x1001')
  issue('365', 'reissued.crt', '0x1002')
  openssl('req', '-x509', ...newKey('other'), ...subject('other'), '-out', at('other.crt'))

  writeFile(join(folder, 'hello/usr/bin/hello'), 'hello')
  const signing = ['--private-key', at('leaf.key'), '--certificate', at('leaf.crt')]
  extsign(['sysext', at('hello'), '--id', '_any', ...signing, '--sidecars', '-o', at('hello.raw')])
  writeFileSync(at('content'), readFileSync(at('hello.roothash'), 'utf8').trim())

  const cases = [
    ['the certificate itself', ['leaf.crt'], true, undefined],
    ['it among others', ['ca.crt', 'leaf.crt', 'other.crt'], true, undefined],
    ['the authority alone', ['ca.crt'], false, 'is the authority that issued the certificate'],
    ['one made anew', ['reissued.crt'], false, 'certificate for the same key with the serial'],
    ['another', ['other.crt'], false, undefined],
  ] as const
  test.each(cases)('%s', async (name, files, accepted, note) => {
    const directory = at(name)
    mkdirSync(directory)
    for (const file of files) copyFileSync(at(file), join(directory, file))
    writeFileSync(at('all.pem'), files.map((file) => readFileSync(at(file), 'utf8')).join(''))
    const check = await checkTrust({
      directories: [directory],
      images: [at('hello.raw')],
      now: new Date(),
    })
    const message = ['-inform', 'der', '-in', at('hello.roothash.p7s'), '-content', at('content')]
    const asSystemd = ['-nointern', '-noverify', '-certfile', at('all.pem'), '-binary']
    const { status } = run(tool('openssl'), ['smime', '-verify', ...message, ...asSystemd])
    expect(status === 0).toBe(accepted)
    expect(check.verdict).toBe(accepted ? 'ok' : 'wanting')
    const notes = check.images.flatMap((image) => image.notes)
    expect(notes).toEqual(note === undefined ? [] : [expect.stringContaining(note)])
  })
})
