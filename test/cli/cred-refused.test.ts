/** What `cred decrypt` does not open, in the order and with the names of systemd’s errors. */

import { createCipheriv, createHash, generateKeyPairSync } from 'node:crypto'
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { fromHex } from '../../src/bytes/hex.ts'
import { formatCredential, parseCredentialText } from '../../src/formats/credential/text.ts'
import { MODE_IDS } from '../../src/formats/credential/types.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign, type FakeOptions } from './fake-context.ts'

const MACHINE = '0123456789abcdef0123456789abcdef'
const USER = ['--uid=1000', '--user-name=lea', '--machine-id', MACHINE]

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const secret = at('host.secret')
const HOST = ['--host-secret', secret]

beforeAll(async () => {
  writeFileSync(at('plain'), 'hunter2')
  await extsign(['cred', 'setup', '--machine-id', MACHINE, secret])
  const seal = (args: readonly string[], name: string) =>
    extsign(['cred', 'encrypt', ...args, '--quiet', at('plain'), at(name)])
  await seal(['--with-key=null'], 'null')
  await seal(HOST, 'host')
  await seal([...HOST, ...USER], 'scoped')
  await seal([...HOST, '--timestamp=@1', '--not-after=@2'], 'expired')
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(at('srk.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  await seal(['--tpm2-device-key', at('srk.pem')], 'tpm')
  copyFileSync(at('host'), at('renamed'))
  writeFileSync(at('open.secret'), readFileSync(secret))
  chmodSync(at('open.secret'), 0o444)
  await extsign(['cred', 'setup', '--machine-id', MACHINE, at('other.secret')])
})

const decrypt = (args: readonly string[], options?: FakeOptions) =>
  extsign(['cred', 'decrypt', ...args], options)

/** Decrypts this text, under whatever name. */
async function decryptText(text: string, args: readonly string[] = HOST) {
  const input = new TextEncoder().encode(text)
  return decrypt(['--name=', '--allow-null', ...args, '-'], { input })
}

const binary = (name: string) => parseCredentialText(readFileSync(at(name))).bytes

function changed(name: string, offset: number, bytes: Uint8Array): string {
  const copy = binary(name)
  copy.set(bytes, offset)
  return formatCredential(copy)
}

describe.each([
  ['null', HOST],
  ['host', HOST],
  ['scoped', [...HOST, ...USER]],
] as const)('BadFormat, of type %s:', (name, args) => {
  test('as it is, it opens', async () => {
    const { code, stdout } = await decryptText(readFileSync(at(name), 'utf8'), args)
    expect([code, stdout]).toEqual([0, 'hunter2'])
  })

  test('cut off anywhere', async () => {
    const text = readFileSync(at(name), 'utf8')
    // Without its last newline it is still whole.
    for (let size = 0; size < text.length - 1; size++) {
      const { code, stdout, stderr } = await decryptText(text.slice(0, size), args)
      expect([size, code, stdout]).toEqual([size, 3, ''])
      expect(stderr).toMatch(/^extsign: error: standard input: /)
    }
  })

  test('with a bit of any byte another one', async () => {
    for (const offset of binary(name).keys()) {
      const bytes = binary(name)
      bytes[offset]! ^= 1 << (offset & 7)
      const { code, stdout } = await decryptText(formatCredential(bytes), args)
      expect([offset, code, stdout]).toEqual([offset, 3, ''])
    }
  })

  test('with more behind it', async () => {
    const longer = new Uint8Array([...binary(name), 0])
    expect((await decryptText(formatCredential(longer), args)).code).toBe(3)
  })
})

test('BadFormat: what ends before it begins, although its tag is right', async () => {
  const headers = binary('null').subarray(0, 48)
  const metadata = fromHex(
    '0200000000000000 0200000000000000 00000000 00000000'.replaceAll(' ', ''),
  )!
  const key = createHash('sha256').digest()
  const cipher = createCipheriv('aes-256-gcm', key, headers.subarray(32, 44)).setAAD(headers)
  const parts = [headers, cipher.update(metadata), cipher.final()]
  const text = formatCredential(Buffer.concat([...parts, cipher.getAuthTag()]))
  const { code, stderr } = await decryptText(text)
  expect([code, stderr]).toEqual([
    3,
    'extsign: error: standard input: credential: it ends before it begins\n',
  ])
})

describe('too large', () => {
  test('as text: it is not read', async () => {
    writeFileSync(at('text'), 'A'.repeat(3_538_945))
    const { code, stderr } = await decrypt([at('text')])
    expect([code, stderr]).toEqual([1, expect.stringContaining('has more than 3538944 bytes')])
    expect(await decryptText('A'.repeat(3_538_945))).toMatchObject({ code: 1 })
  })

  test('as bytes', async () => {
    const { code, stderr } = await decryptText(formatCredential(new Uint8Array(1_179_649)))
    expect([code, stderr]).toEqual([
      3,
      'extsign: error: standard input: credential: 1179649 bytes, at most 1179648 are allowed\n',
    ])
  })
})

const UNKNOWN: readonly (readonly [string, () => string, string])[] = [
  ['type', () => changed('host', 0, new Uint8Array(16).fill(0xee)), 'eeee is unknown at byte 0'],
  ['scope', () => changed('scoped', 48, Uint8Array.of(3)), 'scope flags are 3, not 7 at byte 48'],
  ...[...MODE_IDS].map(
    ([id, mode]) =>
      [mode, () => changed('host', 0, fromHex(id)!), 'which is never stored'] as const,
  ),
]

test.each(UNKNOWN)('unknown: %s', async (_, text, message) => {
  const { code, stdout, stderr } = await decryptText(text())
  expect([code, stdout]).toEqual([3, ''])
  expect(stderr).toContain(message)
})

const REFUSALS: readonly (readonly [string, readonly string[], number, string])[] = [
  [
    'NameMismatch, by the name of the file',
    [...HOST, at('renamed')],
    3,
    `${at('renamed')}: it is called 'host', not 'renamed'`,
  ],
  ['NameMismatch, by --name', [...HOST, '--name=x', at('host')], 3, "it is called 'host', not 'x'"],
  ['TimeMismatch', [...HOST, at('expired')], 3, 'it was valid until 1970-01-01T00:00:02Z'],
  [
    'NoSuchUser',
    [...HOST, '--uid=nobody-at-all', at('scoped')],
    2,
    'there is no user nobody-at-all',
  ],
  ['BadScope, of a user', [...HOST, at('scoped')], 3, 'it belongs to one user of a machine'],
  ['BadScope, of no user', [...HOST, ...USER, at('host')], 3, 'it belongs to no user'],
  [
    'another user',
    [...HOST, '--uid=1001', ...USER.slice(1), at('scoped')],
    3,
    'the key does not fit',
  ],
  [
    'another user name',
    [...HOST, '--uid=1000', '--user-name=max', ...USER.slice(2), at('scoped')],
    3,
    'for another user',
  ],
  [
    'NullKeyNotAllowed',
    ['--refuse-null', at('null')],
    3,
    'it has a null key: anybody could have made',
  ],
  [
    'another host secret',
    ['--host-secret', at('other.secret'), at('host')],
    3,
    'another host secret',
  ],
  ['no host secret', ['--host-secret', at('none'), at('host')], 1, 'there is no host secret'],
  [
    'a host secret that others read',
    ['--host-secret', at('open.secret'), at('host')],
    1,
    'has mode 0444',
  ],
  ['no TPM', ['--tpm2-device=swtpm:path=/none', at('tpm')], 1, '/none'],
  ['no file', [at('missing')], 1, 'missing'],
]

test.each(REFUSALS)('%s', async (_, args, expected, message) => {
  const { code, stdout, stderr } = await decrypt(args)
  expect([code, stdout]).toEqual([expected, ''])
  expect(stderr).toContain(message)
  expect(stderr).toMatch(/^extsign: error: /)
})
