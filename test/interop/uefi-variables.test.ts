/** Signature lists and signed variables beside those of efitools, sbsigntool and virt-firmware. */

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decodeVariableUpdate, variablePayload } from '../../src/formats/efi-variable/index.ts'
import { decodeBareSignedData } from '../../src/formats/pkcs7/decode.ts'
import { loadCertificate } from '../../src/keys/certificate.ts'
import { verifySignedData } from '../../src/keys/verify-signature.ts'
import { extsign } from '../support/extsign.ts'
import { makeKey } from '../support/keys.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { output } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const OWNER = '5c8f2fd4-5a9b-4c0e-9d0c-6e6f1f2b7a31'
const DIGEST = createHash('sha256').update('program').digest('hex')
const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const read = (name: string) => new Uint8Array(readFileSync(at(name)))
const utc = { env: { PATH: process.env.PATH ?? '', TZ: 'UTC' } }

const hasKeys = available('openssl')
const keys = hasKeys
  ? {
      exchange: makeKey(folder, 'rsa2048', 'KEK'),
      release: makeKey(folder, 'rsa4096', 'release'),
      ec: makeKey(folder, 'p256', 'ec'),
    }
  : undefined
const { exchange, release, ec } = keys ?? ({} as NonNullable<typeof keys>)

describe.runIf(hasKeys && available('cert-to-efi-sig-list', 'sign-efi-sig-list'))(
  'efitools',
  () => {
    const list = (name: string, certificate: string) =>
      output(tool('cert-to-efi-sig-list'), ['-g', OWNER, certificate, at(name)])

    test.each(['rsa', 'ec'])('makes the same list: %s', (kind) => {
      const { certificate } = kind === 'ec' ? ec : release
      list(`theirs-${kind}.esl`, certificate)
      extsign(['trust', 'esl', certificate, '--owner', OWNER, '-o', at(`ours-${kind}.esl`)])
      expect(read(`ours-${kind}.esl`)).toEqual(read(`theirs-${kind}.esl`))
    })

    const changes = [
      ['PK', []],
      ['KEK', []],
      ['db', []],
      ['db', ['-a']],
      ['dbx', ['-a']],
    ] as const
    test.each(changes)('makes the same signed variable: %s %j', (variable, append) => {
      list('list.esl', release.certificate)
      const time = ['-t', '2026-11-28 10:20:30']
      const key = ['-k', exchange.privateKey, '-c', exchange.certificate]
      const files = [variable, at('list.esl'), at('theirs.auth')]
      output(tool('sign-efi-sig-list'), [...append, '-g', OWNER, ...time, ...key, ...files], utc)
      const ours = ['--list', at('list.esl'), '--timestamp', '2026-11-28 10:20:30 UTC']
      const signing = ['--private-key', exchange.privateKey, '--certificate', exchange.certificate]
      const options = [...(append.length > 0 ? ['--add'] : []), '--force', '-o', at('ours.auth')]
      extsign(['trust', 'auth', variable, ...ours, ...signing, ...options])
      expect(read('ours.auth')).toEqual(read('theirs.auth'))
    })

    test('gives out the same bytes to be signed', () => {
      list('list.esl', ec.certificate)
      const time = ['-o', '-t', '2026-11-28 10:20:30']
      output(tool('sign-efi-sig-list'), [...time, 'db', at('list.esl'), at('bundle')], utc)
      const date = new Date('2026-11-28T10:20:30Z')
      const update = { variable: 'db', data: read('list.esl'), time: date } as const
      expect(read('bundle')).toEqual(variablePayload(update))
    })
  },
)

describe.runIf(hasKeys)('openssl', () => {
  test('signs as a command what a key in a file signs', () => {
    const certificate = ['--certificate', exchange.certificate, '--timestamp', '@1700000000']
    const sign = ['trust', 'auth', 'db', release.certificate, ...certificate, '--private-key']
    extsign([...sign, exchange.privateKey, '-o', at('file.auth')])
    const words = [tool('openssl'), 'dgst', '-sha256', '-sign', exchange.privateKey]
    const command = JSON.stringify(words)
    extsign([...sign, command, '--private-key-source', 'command', '-o', at('command.auth')])
    expect(read('command.auth')).toEqual(read('file.auth'))
  })

  test.each(['rsa', 'ec'])('verifies a signed variable: %s', (kind) => {
    const { privateKey, certificate } = kind === 'ec' ? ec : exchange
    const signing = ['--private-key', privateKey, '--certificate', certificate]
    const options = ['--timestamp', '@1700000000', '--force', '-o', at('signed.auth')]
    extsign(['trust', 'auth', 'db', release.certificate, ...signing, ...options])
    const { message, data, time } = decodeVariableUpdate(read('signed.auth'))
    writeFileSync(at('payload'), variablePayload({ variable: 'db', data, time }))
    writeFileSync(at('message.der'), wrap(message))
    const input = ['-inform', 'der', '-in', at('message.der'), '-content', at('payload')]
    const said = output(tool('openssl'), [
      ...['cms', '-verify', '-binary', ...input, '-noverify', '-out', '/dev/null'],
    ])
    expect(said).toBe('')
  })

  /** ContentInfo, which openssl cannot do without. */
  function wrap(message: Uint8Array): Uint8Array {
    const element = (tag: number, content: Uint8Array) =>
      Buffer.concat([Buffer.of(tag, 0x82, content.length >> 8, content.length & 0xff), content])
    const oid = Buffer.from('06092a864886f70d010702', 'hex')
    return element(0x30, Buffer.concat([oid, element(0xa0, message)]))
  }
})

describe.runIf(hasKeys && available('sbvarsign'))('sbvarsign', () => {
  test('signs with attributes in the message, and verifies here all the same', async () => {
    extsign(['trust', 'esl', release.certificate, '--sha256', DIGEST, '-o', at('sb.esl')])
    const key = ['--key', exchange.privateKey, '--cert', exchange.certificate]
    const flags = ['NON_VOLATILE', 'BOOTSERVICE_ACCESS', 'RUNTIME_ACCESS'].join(',')
    const files = ['--attr', flags, '--output', at('sb.auth'), 'db', at('sb.esl')]
    output(tool('sbvarsign'), [...key, ...files])
    const { message, data, time } = decodeVariableUpdate(read('sb.auth'))
    expect(data).toEqual(read('sb.esl'))
    const certificate = await loadCertificate(exchange.certificate)
    const payload = variablePayload({ variable: 'db', data, time })
    const signed = decodeBareSignedData(message)
    expect(verifySignedData(signed, payload, [certificate]).kind).toBe('valid')
  })
})

describe.each(GENERATIONS)('virt-firmware beside %s', (_, tree) => {
  const canRun = hasKeys && available('root', `tree:${tree}`)

  test.runIf(canRun)('writes the same lists, and reads ours', () => {
    mkdirSync(at(tree))
    const theirs = join(at(tree), 'theirs.esl')
    const ours = join(at(tree), 'ours.esl')
    const { certificate } = release
    const entries = ['--add-cert', OWNER, certificate, '--add-hash', OWNER, DIGEST]
    outputInTree(tree, folder, 'virt-fw-sigdb', [...entries, '-o', theirs])
    extsign(['trust', 'esl', certificate, '--sha256', DIGEST, '--owner', OWNER, '-o', ours])
    expect(new Uint8Array(readFileSync(ours))).toEqual(new Uint8Array(readFileSync(theirs)))
    const said = outputInTree(tree, folder, 'virt-fw-sigdb', ['-i', ours, '-p'])
    expect(said).toContain('TEST-DO-NOT-USE release')
    expect(said).toContain(DIGEST)
  })
})
