import { constants, sign } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { formatJsonText } from '../../src/formats/json-text.ts'
import { parsePcrSignatures } from '../../src/formats/pcr-signature.ts'
import { appendPcrSignatures, policyPayload } from '../../src/formats/pcr-signature-document.ts'
import { isPolicySignatureValid, policyKeyOfDer } from '../../src/keys/policy-key.ts'
import type { SigningRequest } from '../../src/keys/signer.ts'
import { policyOf } from '../../src/policies/policy.ts'
import { signPolicies } from '../../src/policies/sign.ts'
import { policyCarrier } from '../../src/rotation/policies.ts'
import { certificateOf, signingWith } from '../images/fixtures.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'

const parent = temporaryFolder()
const oldKey = makeTestKey('rsa2048', { commonName: 'TEST-DO-NOT-USE old' })
const [old, current, other] = ['old', 'new', 'other'].map((name) => {
  const key =
    name === 'old' ? oldKey : makeTestKey('rsa2048', { commonName: `TEST-DO-NOT-USE ${name}` })
  const publicKey = policyKeyOfDer(certificateOf(key).publicKeyDer, `${name}.pem`)
  return { publicKey, signer: signingWith(key).signer }
}) as [Signing, Signing, Signing]
type Signing = Parameters<typeof signPolicies>[1]

const policy = (byte: number, reference?: string) => {
  const values = new Map([[11, new Uint8Array(32).fill(byte)]])
  return policyOf({ bank: 'sha256', values }, { reference })
}
const POLICIES = [policy(1), policy(2), policy(2, 'initrd')]

const signed = async (by: Signing, policies = POLICIES) =>
  appendPcrSignatures({}, await signPolicies(policies, by, 'test'))

function write(document: object, name = 'policies.json'): string {
  const path = join(mkdtempSync(join(parent, 'case-')), name)
  writeFileSync(path, JSON.stringify(document))
  return path
}

const carrierOf = (path: string, signer = current.signer) =>
  policyCarrier(path, {
    oldKey: old.publicKey,
    newKey: current.publicKey,
    signing: async () => ({ signer, publicKey: current.publicKey }),
  })

/** How many policies each key has approved of in a file; every signature is right. */
function approvals(path: string): Readonly<Record<string, number>> {
  const entries = parsePcrSignatures(readFileSync(path)).get('sha256') ?? []
  const count = ({ publicKey }: Signing) =>
    entries.filter((entry) => {
      const isOwn = entry.fingerprint && toHex(entry.fingerprint) === toHex(publicKey.fingerprint)
      return isOwn && isPolicySignatureValid(publicKey, policyPayload(entry), entry.signature!)
    }).length
  return { old: count(old), new: count(current), other: count(other) }
}

test('the new key approves of what the old one did, beside it, and later alone', async () => {
  const path = write(await signed(old))
  const carrier = carrierOf(path)
  expect(await carrier.examine()).toEqual({ state: 'old' })
  await carrier.move('both')
  expect(await carrier.examine()).toEqual({ state: 'both' })
  expect(approvals(path)).toEqual({ old: 3, new: 3, other: 0 })
  const before = readFileSync(path)
  await carrier.move('both')
  expect(readFileSync(path)).toEqual(before)
  await carrier.move('new')
  expect(await carrier.examine()).toEqual({ state: 'new' })
  expect(approvals(path)).toEqual({ old: 0, new: 3, other: 0 })
})

test('the result is the same as that of signing in the first place', async () => {
  const path = write(await signed(old))
  await carrierOf(path).move('new')
  const expected = `${formatJsonText(await signed(current), 'short')}\n`
  expect(readFileSync(path, 'utf8')).toBe(expected)
})

test('a rotation that stopped half way goes on', async () => {
  const half = appendPcrSignatures(
    await signed(old),
    await signPolicies(POLICIES.slice(0, 1), current, ''),
  )
  const path = write(half)
  expect(await carrierOf(path).examine()).toEqual({ state: 'old' })
  await carrierOf(path).move('both')
  expect(approvals(path)).toEqual({ old: 3, new: 3, other: 0 })
})

test('where there is no room for both, one takes the place of the other', async () => {
  const path = write(await signed(old))
  const carrier = policyCarrier(path, {
    oldKey: old.publicKey,
    newKey: current.publicKey,
    signing: async () => current,
    replace: true,
  })
  expect(carrier.holdsBoth).toBe(false)
  await carrier.move('new')
  expect(approvals(path)).toEqual({ old: 0, new: 3, other: 0 })
})

test('what ukify 257 signed with another hash is signed as it should have been', async () => {
  const digest = policyOf({ bank: 'sha384', values: new Map([[11, new Uint8Array(48)]]) })
  const { fingerprint } = old.publicKey
  const options = { key: oldKey.key, padding: constants.RSA_PKCS1_PADDING }
  const signature = new Uint8Array(sign('sha384', policyPayload(digest.entry), options))
  const entry = { ...digest.entry, fingerprint, signature }
  const path = write(appendPcrSignatures({}, [{ bank: 'sha384' as const, entry }]))
  expect(await carrierOf(path).examine()).toEqual({ state: 'old' })
  await carrierOf(path).move('new')
  const [found] = parsePcrSignatures(readFileSync(path)).get('sha384') ?? []
  const payload = policyPayload(digest.entry)
  expect(isPolicySignatureValid(current.publicKey, payload, found!.signature!)).toBe(true)
})

test('what others wrote stays', async () => {
  const document = { ...(await signed(old)), vendor: { x: 1 }, sha1: [] }
  const path = write(appendPcrSignatures(document, await signPolicies(POLICIES, other, '')))
  await carrierOf(path).move('new')
  expect(approvals(path)).toEqual({ old: 0, new: 3, other: 3 })
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ vendor: { x: 1 }, sha1: [] })
})

test('permissions and links stay', async () => {
  const path = write(await signed(old))
  chmodSync(path, 0o640)
  const link = join(parent, 'link.json')
  symlinkSync(path, link)
  await carrierOf(link).move('both')
  expect(statSync(path).mode & 0o777).toBe(0o640)
  expect(approvals(path)).toEqual({ old: 3, new: 3, other: 0 })
})

test('files of somebody else, and without anything, are neither', async () => {
  const note = 'its policies are signed neither by the old nor by the new key'
  expect(await carrierOf(write(await signed(other))).examine()).toEqual({ state: 'neither', note })
  expect(await carrierOf(write({})).examine()).toEqual({
    state: 'neither',
    note: 'it has no signed policies',
  })
})

describe('nothing is signed and nothing written', () => {
  const asked: SigningRequest[] = []
  const watching = {
    sign: async (request: SigningRequest) => {
      asked.push(request)
      return current.signer.sign(request)
    },
  }

  test('for a policy that somebody put under the name of the old key', async () => {
    const document = JSON.parse(JSON.stringify(await signed(old)))
    document.sha256[1].pol = 'ee'.repeat(32)
    const path = write(document)
    const before = readFileSync(path)
    for (const run of [
      () => carrierOf(path, watching).examine(),
      () => carrierOf(path, watching).move('both'),
    ]) {
      await expect(run()).rejects.toThrow(
        `the signature of sha256 policy ${'ee'.repeat(32)} does not verify against old.pem`,
      )
    }
    expect(asked).toEqual([])
    expect(readFileSync(path)).toEqual(before)
  })

  test('where the signer gives a wrong signature', async () => {
    const path = write(await signed(old))
    const before = readFileSync(path)
    await expect(carrierOf(path, other.signer).move('both')).rejects.toThrow('does not verify')
    expect(readFileSync(path)).toEqual(before)
  })

  test.each([
    ['no JSON', '{', 'text is not JSON'],
    ['a wrong digest', '{"sha256":[{"pcrs":[11],"pol":"00"}]}', 'pol is not 32 bytes'],
    ['half a PE file', 'MZ', 'pe: '],
  ])('for %s', async (_, text, message) => {
    const path = join(parent, 'broken')
    writeFileSync(path, text)
    await expect(carrierOf(path).examine()).rejects.toThrow(new RegExp(message, 'i'))
    await expect(carrierOf(path).move('new')).rejects.toThrow(new RegExp(message, 'i'))
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
})
