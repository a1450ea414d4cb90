import {
  chmodSync,
  copyFileSync,
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
import { beforeAll, describe, expect, test } from 'vitest'
import { encodeSignedData } from '../../src/formats/pkcs7/encode.ts'
import {
  formatSigningRequest,
  formatSigningResponse,
  parseSigningRequest,
  parseSigningResponse,
  type SignedItem,
  type SigningResponseFile,
} from '../../src/formats/signing-request.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { policyKeyOfDer } from '../../src/keys/policy-key.ts'
import { verifyPolicies } from '../../src/policies/verify.ts'
import { attachGroup, checkResponse } from '../../src/requests/attach.ts'
import { requestSignatures } from '../../src/requests/request.ts'
import { signRequest } from '../../src/requests/sign.ts'
import { extsign } from '../cli/fake-context.ts'
import { buildImage, certificateOf, signingWith } from '../images/fixtures.ts'
import { makeTestKey, signRaw, type TestKey } from '../keys/test-keys.ts'
import { room, writeUki } from '../policies/images.ts'
import { temporaryFolder } from '../support/temporary.ts'

const serial = (byte: number) => ({ serial: new Uint8Array(16).fill(byte) })
const rsa = makeTestKey('rsa2048', serial(1))
const other = makeTestKey('rsa2048', serial(2))
const ec = makeTestKey('p256', serial(3))
/** That of the images the fixtures build. */
const SEED = '00112233-4455-6677-8899-aabbccddeeff'
const PURPOSES = ['verity-root-hash', 'pcr-policy'] as const
const text = (value: string) => new TextEncoder().encode(value)

const source = temporaryFolder()
const FILES = { 'usr/bin/hello': 'hello' }
let number = 0

beforeAll(async () => {
  await buildImage(source, 'hello.sysext.raw', FILES)
  await buildImage(source, 'site.sysext.raw', { 'usr/bin/site': 'site' })
  await buildImage(join(source, 'signed'), 'hello.sysext.raw', FILES, { signing: signingWith(rsa) })
  writeUki(join(source, 'linux.efi'), [{ name: '.cmdline', content: 'quiet' }, room()])
})

/** A folder with fresh copies of the files. */
function newFolder(): string {
  const folder = join(source, `copy ${number++}`)
  mkdirSync(folder)
  for (const name of ['hello.sysext.raw', 'site.sysext.raw', 'linux.efi']) {
    copyFileSync(join(source, name), join(folder, name))
  }
  return folder
}

const signerOf = (key: TestKey) => ({
  ...signingWith(key).signer,
  certificate: certificateOf(key),
  warnings: [],
  forget: () => undefined,
})

/** What comes back for these files, through both files as text. */
async function respond(
  root: string,
  paths: readonly string[],
  key: TestKey = rsa,
): Promise<SigningResponseFile> {
  const made = await requestSignatures({ root, paths, threads: 0 })
  const request = parseSigningRequest(text(formatSigningRequest(made)))
  const response = await signRequest({ request, signer: signerOf(key), purposes: PURPOSES })
  return parseSigningResponse(text(formatSigningResponse(response)))
}

async function attach(root: string, response: SigningResponseFile, key: TestKey = rsa) {
  const certificate = certificateOf(key)
  const results = []
  for (const group of checkResponse(response, certificate)) {
    results.push(await attachGroup(group, { root, response, certificate, seed: SEED, threads: 0 }))
  }
  return results
}

/** The response with another signature or other fields in its first item. */
function withFirst(response: SigningResponseFile, change: Partial<SignedItem>) {
  const [first, ...rest] = response.items
  return { ...response, items: [{ ...first!, ...change } as SignedItem, ...rest] }
}

describe('images', () => {
  test('are those that are signed at once', async () => {
    const root = newFolder()
    const response = await respond(root, ['hello.sysext.raw', 'site.sysext.raw'])
    expect(await attach(root, response)).toMatchObject([{ action: 'added' }, { action: 'added' }])
    const later = readFileSync(join(root, 'hello.sysext.raw'))
    expect(later.equals(readFileSync(join(source, 'signed/hello.sysext.raw')))).toBe(true)
    expect(await attach(root, response)).toMatchObject([
      { action: 'unchanged' },
      { action: 'unchanged' },
    ])
  })

  test('may be signed with EC, and twice', async () => {
    const root = newFolder()
    await attach(root, await respond(root, ['hello.sysext.raw']))
    await attach(root, await respond(root, ['hello.sysext.raw'], ec), ec)
    const certificates = [certificateOf(ec)]
    const { verdict } = await verifyImage(join(root, 'hello.sysext.raw'), {
      certificates,
      threads: 0,
    })
    expect(verdict).toBe('ok')
  })

  test.each([true, false])(
    'take a PKCS#7 message, with a certificate: %j',
    async (embedCertificate) => {
      const root = newFolder()
      const response = await respond(root, ['hello.sysext.raw'])
      const raw = response.items[0]!.signature
      const message = encodeSignedData({
        certificate: rsa.certificate,
        signature: raw,
        embedCertificate,
      })
      await attach(root, withFirst(response, { signature: message }))
      const later = readFileSync(join(root, 'hello.sysext.raw'))
      expect(later.equals(readFileSync(join(source, 'signed/hello.sysext.raw')))).toBe(true)
    },
  )

  test('that are damaged are not put before anybody', async () => {
    const root = newFolder()
    const path = join(root, 'hello.sysext.raw')
    const bytes = readFileSync(path)
    bytes[30_000]! ^= 1
    writeFileSync(path, bytes)
    await expect(respond(root, ['hello.sysext.raw'])).rejects.toThrow(/does not verify/)
  })
})

describe('UKIs', () => {
  test('get the signatures of every phase and bank', async () => {
    const root = newFolder()
    const response = await respond(root, ['linux.efi'])
    expect(response.items).toHaveLength(16)
    expect(new Set(response.items.map(({ subject }) => subject)).size).toBe(16)
    expect(await attach(root, response)).toEqual([
      { image: join(root, 'linux.efi'), action: 'placed', policies: 16 },
    ])
    const publicKey = policyKeyOfDer(certificateOf(rsa).publicKeyDer, 'the key')
    const { findings } = await verifyPolicies({ uki: join(root, 'linux.efi'), publicKey })
    // It has no key of its own for machines to enrol.
    const failed = findings.filter(({ ok, check }) => !ok && check !== 'public key')
    expect(failed).toEqual([])
  })

  test('are those that are signed at once', async () => {
    const root = newFolder()
    const linux = join(root, 'linux.efi')
    const key = join(root, 'pcr.key')
    writeFileSync(key, rsa.keyPem, { mode: 0o600 })
    const atOnce = join(root, 'at-once.efi')
    const args = ['pcr', 'sign', '--uki', linux, '--private-key', key, '--output', atOnce]
    expect(await extsign(args)).toMatchObject({ code: 0 })
    await attach(root, await respond(root, ['linux.efi']))
    expect(readFileSync(linux).equals(readFileSync(atOnce))).toBe(true)
  })

  test('take nothing that is not theirs', async () => {
    const root = newFolder()
    const before = readFileSync(join(root, 'linux.efi'))
    writeUki(join(root, 'linux.efi'), [{ name: '.cmdline', content: 'loud' }, room()])
    const response = await respond(root, ['linux.efi'])
    copyFileSync(join(source, 'linux.efi'), join(root, 'linux.efi'))
    await expect(attach(root, response)).rejects.toThrow(
      expect.objectContaining({
        code: 'NO_MATCH',
        message: expect.stringMatching(/another image/),
      }),
    )
    expect(readFileSync(join(root, 'linux.efi')).equals(before)).toBe(true)
  })

  test('take no EC signatures, which no TPM could check', async () => {
    const root = newFolder()
    const response = await respond(root, ['linux.efi'], ec)
    await expect(attach(root, response, ec)).rejects.toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    )
  })
})

describe('nothing is attached', () => {
  const paths = ['hello.sysext.raw', 'linux.efi']
  const cases: readonly [string, (response: SigningResponseFile) => SigningResponseFile, RegExp][] =
    [
      [
        'by another key',
        (response) =>
          withFirst(response, { signature: signRaw(other.key, response.items[0]!.payload) }),
        /no signature of it by/,
      ],
      [
        'that is cut off',
        (response) => withFirst(response, { signature: response.items[0]!.signature.slice(1) }),
        /no signature of it by/,
      ],
      [
        'of a policy in the place of a root hash',
        (response) => withFirst(response, { signature: response.items[1]!.signature }),
        /no signature of it by/,
      ],
      [
        'of another image',
        (response) => {
          const payload = text('f'.repeat(64))
          return withFirst(response, { payload, signature: signRaw(rsa.key, payload) })
        },
        /is another image: its root hash is/,
      ],
      [
        'of an image into a UKI',
        (response) => withFirst(response, { path: 'linux.efi' }),
        /linux\.efi cannot have all/,
      ],
      [
        'of a UKI into an image',
        ({ certificate, items }) => {
          const policies = items.filter(({ purpose }) => purpose === 'pcr-policy')
          return {
            certificate,
            items: policies.map((item) => ({ ...item, path: 'hello.sysext.raw' }) as SignedItem),
          }
        },
        /pe: /,
      ],
    ]
  test.each(cases)('%s', async (_, change, message) => {
    const root = newFolder()
    const before = paths.map((path) => readFileSync(join(root, path)))
    const response = change(await respond(root, paths))
    await expect(attach(root, response)).rejects.toThrow(message)
    const after = paths.map((path) => readFileSync(join(root, path)))
    expect(after.map((bytes, index) => bytes.equals(before[index]!))).toEqual([true, true])
  })
})

/** As `extsign attach` without --certificate: the response says whose it is. */
async function attachUnnamed(root: string, response: SigningResponseFile) {
  const results = []
  for (const group of checkResponse(response)) {
    results.push(await attachGroup(group, { root, response, seed: SEED, threads: 0 }))
  }
  return results
}

describe('without a certificate that was named, a response', () => {
  test('signs what is not signed yet, and renews its own', async () => {
    const root = newFolder()
    const paths = ['hello.sysext.raw', 'linux.efi']
    const response = await respond(root, paths)
    expect(await attachUnnamed(root, response)).toMatchObject([
      { action: 'added' },
      { action: 'placed' },
    ])
    expect(await attachUnnamed(root, response)).toMatchObject([
      { action: 'unchanged' },
      { action: 'placed' },
    ])
  })

  test('replaces no signature of another', async () => {
    const root = newFolder()
    await attach(root, await respond(root, ['hello.sysext.raw', 'linux.efi']))
    for (const [path, error] of [
      ['hello.sysext.raw', 'ImageError'],
      ['linux.efi', 'PolicyError'],
    ] as const) {
      const before = readFileSync(join(root, path))
      const response = await respond(root, [path], other)
      await expect(attachUnnamed(root, response)).rejects.toThrow(
        expect.objectContaining({
          name: error,
          code: 'SIGNED',
          hint: expect.stringMatching(/--certificate/),
        }),
      )
      expect(readFileSync(join(root, path)).equals(before)).toBe(true)
      await attach(root, response, other)
    }
  })

  test('replaces none in the name of the signer by another key', async () => {
    const root = newFolder()
    await attach(root, await respond(root, ['hello.sysext.raw']))
    const twin = makeTestKey('rsa2048', serial(1))
    await expect(
      attachUnnamed(root, await respond(root, ['hello.sysext.raw'], twin)),
    ).rejects.toThrow(expect.objectContaining({ code: 'SIGNED' }))
  })

  test('replaces none in the command either', async () => {
    const root = newFolder()
    await attach(root, await respond(root, ['hello.sysext.raw']))
    const response = formatSigningResponse(await respond(root, ['hello.sysext.raw'], other))
    writeFileSync(join(root, 'response.json'), response)
    writeFileSync(join(root, 'other.crt'), other.certificatePem)
    const args = ['attach', join(root, 'response.json'), '--root', root]
    const refused = await extsign(args)
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/--certificate/)
    const named = await extsign([...args, '--certificate', join(root, 'other.crt')])
    expect(named).toMatchObject({ code: 0, stderr: '' })
  })
})

describe.skipIf(process.platform === 'win32')('symbolic links', () => {
  const paths = ['hello.sysext.raw', 'linux.efi']

  test.each(paths)('that lead out of the root are refused: %s', async (path) => {
    const root = newFolder()
    const response = await respond(root, [path])
    const outside = newFolder()
    const before = readFileSync(join(outside, path))
    for (const link of [join(root, path), join(root, 'folder')]) {
      renameSync(link === join(root, path) ? link : join(root, path), `${link}.away`)
      symlinkSync(link === join(root, path) ? join(outside, path) : outside, link)
      const [item, ...rest] = response.items
      const moved = link.endsWith('folder') ? `folder/${path}` : path
      const items = [item!, ...rest].map((each) => ({ ...each, path: moved }) as SignedItem)
      for (const dryRun of [false, true]) {
        const [group] = checkResponse({ ...response, items })
        const attaching = attachGroup(group!, { root, response, dryRun, threads: 0 })
        await expect(attaching).rejects.toThrow(expect.objectContaining({ code: 'OUTSIDE_ROOT' }))
      }
    }
    expect(readFileSync(join(outside, path)).equals(before)).toBe(true)
    expect(readdirSync(outside).some((name) => name.startsWith('.'))).toBe(false)
  })

  test.each(paths)('that stay inside lead to the new file, with its mode: %s', async (path) => {
    const root = newFolder()
    const response = await respond(root, [path])
    renameSync(join(root, path), join(root, 'target'))
    symlinkSync('target', join(root, path))
    chmodSync(join(root, 'target'), 0o600)
    const before = readFileSync(join(root, 'target'))
    await attach(root, response)
    expect(lstatSync(join(root, path)).isSymbolicLink()).toBe(true)
    expect(readFileSync(join(root, 'target')).equals(before)).toBe(false)
    expect(statSync(join(root, 'target')).mode & 0o777).toBe(0o600)
  })

  test('a signature beside the image is not replaced outside of the root', async () => {
    const root = newFolder()
    const outside = newFolder()
    const name = 'sidecars.sysext.raw'
    await buildImage(root, name, FILES, { signing: signingWith(rsa), sidecars: true })
    const sidecar = join(root, 'sidecars.sysext.roothash.p7s')
    renameSync(sidecar, join(outside, 'p7s'))
    symlinkSync(join(outside, 'p7s'), sidecar)
    const before = readFileSync(join(root, name))
    const response = await respond(root, [name], other)
    await expect(attach(root, response, other)).rejects.toThrow(
      expect.objectContaining({ code: 'OUTSIDE_ROOT' }),
    )
    expect(readFileSync(join(root, name)).equals(before)).toBe(true)
  })
})

describe('nothing is signed', () => {
  test('for a purpose that is not wanted', async () => {
    const root = newFolder()
    const request = await requestSignatures({
      root,
      paths: ['hello.sysext.raw', 'linux.efi'],
      threads: 0,
    })
    const signer = signerOf(rsa)
    await expect(signRequest({ request, signer, purposes: ['verity-root-hash'] })).rejects.toThrow(
      /its purpose is pcr-policy, not verity-root-hash/,
    )
  })

  test('as a policy that is a root hash', async () => {
    const payload = text('0123456789abcdef'.repeat(4))
    const item = { purpose: 'pcr-policy', payload, subject: 'x', path: 'x' } as never
    const options = { signer: signerOf(rsa), purposes: PURPOSES }
    await expect(signRequest({ request: { items: [item] }, ...options })).rejects.toThrow(
      /beside the values of its PCRs/,
    )
  })

  test('where the signer gives something else', async () => {
    const root = newFolder()
    const request = await requestSignatures({ root, paths: ['hello.sysext.raw'], threads: 0 })
    const signer = { ...signerOf(rsa), sign: async () => new Uint8Array(256) }
    await expect(signRequest({ request, signer, purposes: PURPOSES })).rejects.toThrow(
      expect.objectContaining({ code: 'BAD_SIGNATURE' }),
    )
  })
})
