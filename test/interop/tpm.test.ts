/** Sealing and unsealing against systemd-creds and tpm2-tools, with TPMs in software. */

import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import { parsePcrSignatures } from '../../src/formats/pcr-signature.ts'
import {
  parsePolicyKey,
  parseStorageKey,
  pcrMask,
  policyDigest,
  type StoragePublicKey,
  sealOffline,
} from '../../src/formats/tpm2/index.ts'
import { openTpm, type StorageKeyChoice, type Tpm } from '../../src/keys/tpm/index.ts'
import { GENERATIONS, outputInTree, runInTree } from '../support/reference-trees.ts'
import { type SoftwareTpm, startTpm } from '../support/swtpm.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { openCredential, SIGNED_PCRS, writeCredential } from '../support/tpm-credentials.ts'
import { lockOut } from '../support/tpm-lockout.ts'

const NEEDS = ['root', 'swtpm', 'tree:trixie', 'tree:sid']
const SECRET = 'hunter2 in a TPM'
const LITERAL_PCRS = [7, 16]

describe.runIf(available(...NEEDS)).each(GENERATIONS)('%s', (_, tree) => {
  const folder = temporaryFolder()
  const path = (name: string) => join(folder, name)
  const file = (name: string) => readFileSync(path(name))
  const inTree = (command: string, ...args: string[]) => runInTree(tree, folder, command, args)
  const tpm2 = (command: string, ...args: string[]) =>
    outputInTree(tree, folder, command, args, { env: { TPM2TOOLS_TCTI: swtpm.device } })
  const key = makePolicyKey()
  writeFileSync(path('key.pem'), key.pem)
  let swtpm: SoftwareTpm
  let parents: Readonly<Record<StorageKeyChoice, StoragePublicKey>>

  /** swtpm serves one client after the other. */
  async function withTpm<Result>(use: (tpm: Tpm) => Promise<Result>): Promise<Result> {
    const tpm = await openTpm(swtpm.device)
    return use(tpm).finally(() => tpm.close())
  }

  beforeAll(async () => {
    swtpm = await startTpm(path('machine'))
    parents = await withTpm(async (tpm) => ({
      srk: await tpm.storageKey('srk'),
      legacy: await tpm.storageKey('legacy'),
    }))
    writeFileSync(path('signatures.json'), await withTpm((tpm) => key.approve(tpm)))
  })
  afterAll(() => swtpm?.stop())

  const device = () => `--tpm2-device=${swtpm.device}`
  const decrypt = (name: string) =>
    inTree(
      'systemd-creds',
      'decrypt',
      device(),
      '--name=x',
      '--newline=no',
      path(name),
      '-',
      ...[`--tpm2-signature=${path('signatures.json')}`],
    )

  // Pinned types are new in systemd 262.
  const readable: readonly StorageKeyChoice[] = tree === 'sid' ? ['legacy', 'srk'] : ['legacy']
  const policies = [
    ['no policy', false, false],
    ['literal PCRs', true, false],
    ['a signed policy', false, true],
    ['literal PCRs and a signed policy', true, true],
  ] as const
  const cases = readable.flatMap((which) =>
    policies.flatMap(([label, literal, signed]) =>
      (['off the device', 'by the TPM'] as const).map((where) => ({
        which,
        label,
        literal,
        signed,
        where,
      })),
    ),
  )

  test.each(cases)(
    'systemd-creds opens what was sealed $where under the $which key with $label',
    async ({ which, literal, signed, where }) => {
      const secret = randomBytes(32)
      const parent = parents[which]
      const mask = literal ? pcrMask(LITERAL_PCRS) : 0
      const text = await withTpm(async (tpm) => {
        const values = await tpm.readPcrs('sha256', mask)
        const policy = policyDigest({
          literal: { bank: 'sha256', values },
          authorize: signed ? { publicKeyPem: key.pem } : undefined,
        })
        const sealed =
          where === 'by the TPM'
            ? await tpm.seal({ parent: which, secret, policy })
            : sealOffline({ parent, secret, policy, random: randomBytes })
        const credential = { sealed, parent, key: secret, pcrMask: mask }
        const whole = signed ? { ...credential, publicKey: key.pem } : credential
        const text = writeCredential(whole, 'x', SECRET)
        const signatures = parsePcrSignatures(file('signatures.json'))
        expect(await openCredential(Buffer.from(text), tpm, signatures)).toBe(SECRET)
        return text
      })
      writeFileSync(path('ours'), text)
      expect(decrypt('ours')).toMatchObject({ status: 0, stdout: SECRET })
    },
  )

  test.each([
    ['no policy', ['--with-key=tpm2', '--tpm2-pcrs=']],
    ['literal PCRs', ['--with-key=tpm2', `--tpm2-pcrs=${LITERAL_PCRS.join('+')}`]],
    ['a signed policy', ['--with-key=tpm2-with-public-key', '--tpm2-pcrs=']],
    ['both', ['--with-key=tpm2-with-public-key', `--tpm2-pcrs=${LITERAL_PCRS.join('+')}`]],
  ])('what systemd-creds sealed with %s is opened', async (_, options) => {
    writeFileSync(path('plain'), SECRET)
    const key = options[0]?.endsWith('key') ? [`--tpm2-public-key=${path('key.pem')}`] : []
    const args = [
      'encrypt',
      device(),
      '--name=x',
      ...options,
      ...key,
      path('plain'),
      path('theirs'),
    ]
    outputInTree(tree, folder, 'systemd-creds', args)
    const signatures = parsePcrSignatures(file('signatures.json'))
    expect(await withTpm((tpm) => openCredential(file('theirs'), tpm, signatures))).toBe(SECRET)
  })

  test('an RSA key as the legacy parent, and in systemd 262 as a parent anywhere', async () => {
    const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt'
    const handle = 0x81000002
    for (const pinned of tree === 'sid' ? [false, true] : [false]) {
      const template = pinned ? `${attributes}|noda` : attributes
      tpm2('tpm2_createprimary', '-G', 'rsa2048', '-a', template, '-c', path('rsa'))
      tpm2('tpm2_readpublic', '-c', path('rsa'), '-o', path('rsa.pub'))
      if (pinned)
        tpm2('tpm2_evictcontrol', '-C', 'o', '-c', path('rsa'), `0x${handle.toString(16)}`)
      tpm2('tpm2_flushcontext', '-t')
      const parent = parseStorageKey(file('rsa.pub'))
      const secret = randomBytes(32)
      const sealed = sealOffline({ parent, secret, policy: undefined, random: randomBytes })
      expect(sealed.blob).toHaveLength(448)
      const text = writeCredential({ sealed, parent, key: secret, handle }, 'x', SECRET)
      expect(await withTpm((tpm) => openCredential(Buffer.from(text), tpm))).toBe(SECRET)
      writeFileSync(path('ours'), text)
      expect(decrypt('ours')).toMatchObject({ status: 0, stdout: SECRET })
      if (pinned) tpm2('tpm2_evictcontrol', '-C', 'o', '-c', `0x${handle.toString(16)}`)
    }
  })

  test('a policy signed by systemd-measure for a kernel that is yet to boot', async () => {
    writeFileSync(path('kernel'), 'kernel')
    writeFileSync(path('private.pem'), key.privatePem)
    const options = [`--linux=${path('kernel')}`, '--phase=:', '--bank=sha256']
    const keys = [`--private-key=${path('private.pem')}`, `--public-key=${path('key.pem')}`]
    const measure = [...options, ...keys, 'sign']
    const json = outputInTree(tree, folder, '/usr/lib/systemd/systemd-measure', measure)
    const signatures = parsePcrSignatures(Buffer.from(json))
    const [parent, secret] = [parents.legacy, randomBytes(32)]
    const policy = policyDigest({ authorize: { publicKeyPem: key.pem } })
    const sealed = sealOffline({ parent, secret, policy, random: randomBytes })
    const credential = { sealed, parent, key: secret, publicKey: key.pem }
    const text = Buffer.from(writeCredential(credential, 'x', SECRET))
    const open = () => withTpm((tpm) => openCredential(text, tpm, signatures))
    await expect(open()).rejects.toMatchObject({ code: 'NO_SIGNATURE' })
    for (const measured of ['.linux\0', 'kernel']) {
      tpm2('tpm2_pcrextend', `11:sha256=${toHex(sha256(encodeUtf8(measured)))}`)
    }
    expect(await open()).toBe(SECRET)
  })

  test('in lockout systemd-creds opens under the storage root key, and not under the other', () => {
    lockOut(folder, tpm2)
    const statuses = readable.map((which) => {
      const [parent, secret] = [parents[which], randomBytes(32)]
      const sealed = sealOffline({ parent, secret, policy: undefined, random: randomBytes })
      writeFileSync(path('ours'), writeCredential({ sealed, parent, key: secret }, 'x', SECRET))
      return [which, decrypt('ours').status]
    })
    tpm2('tpm2_dictionarylockout', '--clear-lockout')
    expect(statuses).toEqual(readable.map((which) => [which, which === 'srk' ? 0 : 1]))
  })

  test('tpm2-tools have the same storage keys', () => {
    tpm2('tpm2_readpublic', '-c', '0x81000001', '-o', path('srk'))
    expect(toHex(file('srk'))).toBe(toHex(parents.srk.tpm2bPublic))
    tpm2('tpm2_createprimary', '-C', 'o', '-g', 'sha256', '-G', 'ecc', '-c', path('context'))
    tpm2('tpm2_readpublic', '-c', path('context'), '-o', path('legacy'))
    tpm2('tpm2_flushcontext', '-t')
    expect(toHex(file('legacy'))).toBe(toHex(parents.legacy.tpm2bPublic))
  })

  test('nothing is left in the TPM but the storage root key', () => {
    const list = (what: string) => tpm2('tpm2_getcap', what).trim()
    expect(list('handles-transient')).toBe('')
    expect(list('handles-loaded-session')).toBe('')
    expect(list('handles-persistent')).toBe('- 0x81000001')
  })
})

function makePolicyKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = Buffer.from(createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }))
  return {
    pem,
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    /** The JSON that approves of PCR 11 as it is now. */
    async approve(tpm: Tpm): Promise<string> {
      const values = await tpm.readPcrs('sha256', SIGNED_PCRS)
      const policy = policyDigest({ literal: { bank: 'sha256', values } })
      const entry = {
        pcrs: [11],
        pkfp: toHex(parsePolicyKey(pem).fingerprint),
        pol: toHex(policy),
        sig: sign('sha256', policy, privateKey).toString('base64'),
      }
      return JSON.stringify({ sha256: [entry] })
    },
  }
}
