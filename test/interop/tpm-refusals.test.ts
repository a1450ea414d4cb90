/** What does not open, and how that is said: other TPMs, other PCRs, other keys, lockout. */

import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { type PcrSignatures, parsePcrSignatures } from '../../src/formats/pcr-signature.ts'
import {
  decodeSealedBlob,
  encodeSealedBlob,
  parsePolicyKey,
  parseStorageKey,
  policyDigest,
  type StoragePublicKey,
  sealOffline,
  serializeParent,
} from '../../src/formats/tpm2/index.ts'
import { openTpm, type Tpm, type UnsealInput } from '../../src/keys/tpm/index.ts'
import { outputInTree } from '../support/reference-trees.ts'
import { type SoftwareTpm, startTpm } from '../support/swtpm.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { lockOut } from '../support/tpm-lockout.ts'

const PCR_16 = 1 << 16
const PCR_23 = 1 << 23

describe.runIf(available('root', 'swtpm', 'tree:sid'))('a TPM', () => {
  const folder = temporaryFolder()
  let swtpm: SoftwareTpm
  let other: SoftwareTpm
  let srk: StoragePublicKey
  let legacy: StoragePublicKey
  const secret = randomBytes(32)

  const at =
    (device: string) =>
    async <Result>(use: (tpm: Tpm) => Promise<Result>) => {
      const tpm = await openTpm(device)
      return use(tpm).finally(() => tpm.close())
    }
  const withTpm = <Result>(use: (tpm: Tpm) => Promise<Result>) => at(swtpm.device)(use)
  const unseal = (input: UnsealInput) => withTpm((tpm) => tpm.unseal(input))
  const tool = (command: string, ...args: string[]) =>
    outputInTree('sid', folder, command, args, { env: { TPM2TOOLS_TCTI: swtpm.device } })

  beforeAll(async () => {
    swtpm = await startTpm(join(folder, 'a'))
    other = await startTpm(join(folder, 'b'))
    srk = await withTpm((tpm) => tpm.storageKey('srk'))
    legacy = await withTpm((tpm) => tpm.storageKey('legacy'))
  })
  afterAll(() => Promise.all([swtpm?.stop(), other?.stop()]))

  const offline = (parent: StoragePublicKey, policy?: Uint8Array) =>
    sealOffline({ parent, secret, policy, random: randomBytes })
  const pinned = (key: StoragePublicKey = srk) =>
    ({ kind: 'pinned', serialized: serializeParent(key) }) as const
  const older = { kind: 'legacy', algorithm: 'ecc' } as const
  const open = { pcrMask: 0, bank: 'sha256' } as const

  test('that is another one says so, for either key', async () => {
    const there = at(other.device)
    const theirs = await there((tpm) => tpm.storageKey('srk'))
    await expect(
      there((tpm) => tpm.unseal({ ...offline(srk), ...open, parent: pinned() })),
    ).rejects.toMatchObject({
      code: 'OTHER_TPM',
      message: `sealed under storage key ${toHex(srk.name)}, this TPM has ${toHex(theirs.name)}`,
    })
    await expect(
      there((tpm) => tpm.unseal({ ...offline(legacy), ...open, parent: older })),
    ).rejects.toMatchObject({
      code: 'OTHER_TPM',
      message: 'not sealed for the legacy primary key of this TPM',
      responseCode: 0x3df,
    })
    const online = await withTpm((tpm) => tpm.seal({ parent: 'legacy', secret, policy: undefined }))
    await expect(
      there((tpm) => tpm.unseal({ ...online, ...open, parent: older })),
    ).rejects.toMatchObject({ code: 'OTHER_TPM', responseCode: 0x1df })
  })

  test.each([
    ['the other key of the same TPM', () => ({ ...offline(srk), parent: older })],
    ['an RSA key where it is an EC key', () => ({ ...offline(rsaKey()), parent: older })],
    [
      'an EC key where it is RSA',
      () => ({ ...offline(legacy), parent: { ...older, algorithm: 'rsa' } }) as const,
    ],
    ['a damaged private part', () => ({ ...damaged(offline(srk)), parent: pinned() })],
  ])('does not open what was sealed for %s', async (_, input) => {
    await expect(unseal({ ...input(), ...open })).rejects.toMatchObject({ code: 'OTHER_TPM' })
  })

  test('says that a key of one’s own is not there', async () => {
    const key = rsaKey()
    const serialized = serializeParent(key, 0x81000099)
    const input = { ...offline(key), ...open, parent: { kind: 'pinned', serialized } } as const
    await expect(unseal(input)).rejects.toMatchObject({
      code: 'NO_KEY',
      message: expect.stringContaining('no key at 0x81000099'),
    })
  })

  test('derives its storage root key where nobody has kept it', async () => {
    tool('tpm2_evictcontrol', '-C', 'o', '-c', '0x81000001')
    expect(await unseal({ ...offline(srk), ...open, parent: pinned() })).toEqual(secret)
    expect(tool('tpm2_getcap', 'handles-persistent')).toBe('')
    await withTpm((tpm) => tpm.storageKey('srk'))
    expect(tool('tpm2_getcap', 'handles-persistent')).toContain('0x81000001')
  })

  test('whose PCR has changed says which one', async () => {
    const values = await withTpm((tpm) => tpm.readPcrs('sha256', PCR_16))
    const sealed = offline(srk, policyDigest({ literal: { bank: 'sha256', values } }))
    const input = { ...sealed, parent: pinned(), pcrMask: PCR_16, bank: 'sha256' } as const
    expect(await unseal(input)).toEqual(secret)
    extend(16)
    await expect(unseal(input)).rejects.toMatchObject({
      code: 'WRONG_PCRS',
      message: 'PCR 16 (sha256) is not what this was sealed for',
    })
    tool('tpm2_pcrreset', '16')
    expect(await unseal(input)).toEqual(secret)
  })

  test.each(['sha1', 'sha384', 'sha512'] as const)('opens with PCRs of bank %s', async (bank) => {
    const values = await withTpm((tpm) => tpm.readPcrs(bank, PCR_16 | PCR_23))
    const sealed = offline(legacy, policyDigest({ literal: { bank, values } }))
    const input = { ...sealed, parent: older, pcrMask: PCR_16 | PCR_23, bank }
    expect(await unseal(input)).toEqual(secret)
  })

  describe('asked for a signed policy', () => {
    const pair = policyKey()
    const stranger = policyKey()
    const sealed = (key = pair) =>
      offline(srk, policyDigest({ authorize: { publicKeyPem: key.pem } }))
    const input = (signatures: PcrSignatures): UnsealInput => ({
      ...sealed(),
      ...open,
      parent: pinned(),
      authorize: { publicKeyPem: pair.pem, pcrMask: PCR_23, signatures },
    })
    const approve = (key = pair, change: object = {}) =>
      withTpm(async (tpm) => key.approve(await tpm.readPcrs('sha256', PCR_23), change))

    test('opens with the signature, and not after the PCR has changed', async () => {
      const signatures = await approve()
      expect(await unseal(input(signatures))).toEqual(secret)
      extend(23)
      await expect(unseal(input(signatures))).rejects.toMatchObject({
        code: 'NO_SIGNATURE',
        message: 'no signature approves of PCR 23 (sha256) as it is now',
      })
      expect(await unseal(input(await approve()))).toEqual(secret)
    })

    test.each([
      ['no signatures', async () => new Map(), 'no signature for bank sha256'],
      ['a stranger’s', () => approve(stranger), 'no signature by the key this was sealed for'],
      ['one for more PCRs', () => approve(pair, { pcrs: [11, 23] }), 'for PCR 23 alone'],
      ['one for a reference', () => approve(pair, { ref: 'initrd' }), 'for PCR 23 alone'],
      ['none yet', () => approve(pair, { sig: undefined }), 'is listed and not signed'],
    ])('with %s says so', async (_, signatures, message) => {
      await expect(unseal(input(await signatures()))).rejects.toMatchObject({
        code: 'NO_SIGNATURE',
        message: expect.stringContaining(message),
      })
    })

    test('refuses a signature that does not verify', async () => {
      const sig = randomBytes(256).fill(1, 0, 1)
      const signatures = await approve(pair, { sig: Buffer.from(sig).toString('base64') })
      await expect(unseal(input(signatures))).rejects.toMatchObject({
        code: 'BAD_SIGNATURE',
        responseCode: expect.any(Number),
      })
    })

    test('says that the key is another one', async () => {
      const wrong = { ...input(await approve()), ...sealed(stranger) }
      await expect(unseal(wrong)).rejects.toMatchObject({
        code: 'WRONG_POLICY',
        message: 'sealed for the signatures of another key than this one',
      })
    })

    test('opens what systemd 255.0 sealed with an exponent of zero', async () => {
      const { name } = parsePolicyKey(pair.pem, { zeroExponent: true })
      const { extendPolicyAuthorize } = await import('../../src/formats/tpm2/policy.ts')
      const old = offline(srk, extendPolicyAuthorize(name))
      expect(await unseal({ ...input(await approve()), ...old })).toEqual(secret)
    })
  })

  test('says that header and object differ, and that it knows nothing of the policy', async () => {
    const sealed = offline(srk, policyDigest({ pin: true }))
    await expect(unseal({ ...sealed, ...open, parent: pinned() })).rejects.toMatchObject({
      code: 'WRONG_POLICY',
      message: 'sealed with a policy of which nothing is known here',
    })
    const policyHash = new Uint8Array(32)
    await expect(
      unseal({ ...sealed, ...open, policyHash, parent: pinned() }),
    ).rejects.toMatchObject({ message: expect.stringContaining('another policy than its header') })
  })

  test('in lockout opens what needs no password, and says why the rest does not open', async () => {
    lockOut(folder, tool)
    expect(await unseal({ ...offline(srk), ...open, parent: pinned() })).toEqual(secret)
    await expect(unseal({ ...offline(legacy), ...open, parent: older })).rejects.toMatchObject({
      code: 'LOCKED_OUT',
      message: 'the TPM is in dictionary attack lockout, asked for Import',
      hint: expect.stringContaining('--clear-lockout'),
    })
    tool('tpm2_dictionarylockout', '--clear-lockout')
    expect(await unseal({ ...offline(legacy), ...open, parent: older })).toEqual(secret)
  })

  test('whose owner has set a password says that it wants one', async () => {
    tool('tpm2_changeauth', '-c', 'owner', 'password')
    await expect(unseal({ ...offline(legacy), ...open, parent: older })).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'the TPM did not take the authorization (session 1), asked for CreatePrimary',
      hint: expect.stringContaining('a password'),
    })
    expect(await unseal({ ...offline(srk), ...open, parent: pinned() })).toEqual(secret)
    tool('tpm2_changeauth', '-c', 'owner', '-p', 'password')
  })

  test('has nothing left in it after all that', () => {
    expect(tool('tpm2_getcap', 'handles-transient').trim()).toBe('')
    expect(tool('tpm2_getcap', 'handles-loaded-session').trim()).toBe('')
  })

  function extend(pcr: number): void {
    tool('tpm2_pcrextend', `${pcr}:sha256=${'ab'.repeat(32)}`)
  }

  function rsaKey(): StoragePublicKey {
    const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt'
    tool('tpm2_createprimary', '-G', 'rsa2048', '-a', attributes, '-c', join(folder, 'rsa'))
    tool('tpm2_readpublic', '-c', join(folder, 'rsa'), '-o', join(folder, 'rsa.pub'))
    tool('tpm2_flushcontext', '-t')
    return parseStorageKey(readFileSync(join(folder, 'rsa.pub')))
  }
})

function damaged<Sealed extends { readonly blob: Uint8Array }>(sealed: Sealed): Sealed {
  const object = decodeSealedBlob(sealed.blob)
  const bytes = object.private.slice()
  bytes[60] = bytes[60]! ^ 1
  return { ...sealed, blob: encodeSealedBlob({ ...object, private: bytes }) }
}

function policyKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = Buffer.from(createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }))
  return {
    pem,
    approve(values: ReadonlyMap<number, Uint8Array>, change: object): PcrSignatures {
      const policy = policyDigest({ literal: { bank: 'sha256', values } })
      const sig = sign('sha256', policy, privateKey).toString('base64')
      const pkfp = toHex(parsePolicyKey(pem).fingerprint)
      const entry = { pcrs: [...values.keys()], pkfp, pol: toHex(policy), sig, ...change }
      return parsePcrSignatures(Buffer.from(JSON.stringify({ sha256: [entry] })))
    },
  }
}
