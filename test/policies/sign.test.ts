import {
  chmodSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { formatJsonText } from '../../src/formats/json-text.ts'
import { parsePcrSignatures } from '../../src/formats/pcr-signature.ts'
import {
  appendPcrSignatures,
  type BankedSignature,
} from '../../src/formats/pcr-signature-document.ts'
import { policyPublicKey } from '../../src/keys/policy-key.ts'
import type { Signer } from '../../src/keys/signer.ts'
import { joinSignatures } from '../../src/policies/join.ts'
import { measureUki } from '../../src/policies/measure.ts'
import { openUkiFile } from '../../src/policies/open-uki.ts'
import { placeSignatures } from '../../src/policies/place.ts'
import { policyOf } from '../../src/policies/policy.ts'
import {
  attachPolicySignature,
  requestPolicySignature,
  signPolicies,
} from '../../src/policies/sign.ts'
import { signUki } from '../../src/policies/sign-uki.ts'
import { policyKeyPem } from '../formats/tpm2/vectors.ts'
import { signRaw } from '../keys/test-keys.ts'
import { makeUki } from '../support/pe.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { makePolicyKey, room, writeUki } from './images.ts'

const folder = temporaryFolder()
const path = (name: string) => join(folder, name)
const key = makePolicyKey()
const other = makePolicyKey()

const value = new Uint8Array(32).fill(5)
const policy = policyOf({ bank: 'sha256', values: new Map([[11, value]]) })

/** What came back as JSON. */
const returned = (signed: readonly BankedSignature[], name = 'signed.json') => ({
  name,
  signatures: parsePcrSignatures(
    encodeUtf8(formatJsonText(appendPcrSignatures({}, signed), 'short')),
  ),
})

describe('signing', () => {
  test('what systemd-measure signed is accepted', () => {
    const text = readFileSync(new URL('../vectors/tpm2/pcr-signature.json', import.meta.url))
    const [entry] = parsePcrSignatures(text).get('sha256')!
    const publicKey = policyPublicKey(policyKeyPem(), 'the vector')
    expect(toHex(publicKey.fingerprint)).toBe(
      '71e953f3293586f615e64c7a84b8ef3158e792b7d9525c7284535cb4b20a88e4',
    )
    const unsigned = { ...entry!, signature: undefined, fingerprint: undefined }
    expect(
      attachPolicySignature({ bank: 'sha256', entry: unsigned }, publicKey, entry!.signature!),
    ).toEqual({ bank: 'sha256', entry })
  })

  test('asks for SHA-256 in every bank', () => {
    const sha512 = policyOf({ bank: 'sha512', values: new Map([[11, new Uint8Array(64)]]) })
    expect(requestPolicySignature(sha512, 'linux.efi')).toEqual({
      purpose: 'pcr-policy',
      payload: sha512.entry.policy,
      digest: 'sha256',
      subject: 'linux.efi',
      policy: { bank: 'sha512', values: new Map([[11, new Uint8Array(64)]]) },
    })
  })

  test('signs the same bytes once', async () => {
    const signing = key.signing()
    let count = 0
    const signer: Signer = {
      sign(request) {
        count += 1
        return signing.signer.sign(request)
      },
    }
    const signed = await signPolicies([policy, policy], { ...signing, signer }, 'x')
    expect(count).toBe(1)
    expect(signed[0]).toEqual(signed[1])
  })

  test('refuses a signature that does not verify', async () => {
    const signing = { ...key.signing(), publicKey: other.signing().publicKey }
    await expect(signPolicies([policy], signing, 'x')).rejects.toMatchObject({
      name: 'KeyError',
      code: 'BAD_SIGNATURE',
    })
  })

  test('refuses an entry for another key', async () => {
    const theirs = { ...policy, entry: { ...policy.entry, fingerprint: value } }
    await expect(signPolicies([theirs], key.signing(), 'x')).rejects.toMatchObject({
      code: 'MISMATCH',
    })
  })

  test('refuses EC keys when they are loaded, and says why', () => {
    expect(() => makePolicyKey('p256').signing()).toThrow(
      'the key: public key: p256 keys never unlock anything',
    )
  })

  test('may be over several PCRs', () => {
    const values = new Map([11, 12, 13].map((pcr) => [pcr, value]))
    expect(policyOf({ bank: 'sha256', values }).entry.pcrMask).toBe(0b11_1000_0000_0000)
  })
})

describe('joining', () => {
  const publicKey = key.signing().publicKey
  const second = policyOf({ bank: 'sha1', values: new Map([[11, value.subarray(0, 20)]]) })
  const policies = [policy, second]
  const bare = (each: BankedSignature, by = key) => ({
    name: 'a.sig',
    signature: signRaw(by.key, each.entry.policy),
  })

  test('finds what JSON says, and what a bare signature is of', async () => {
    const signed = await signPolicies([policy], key.signing(), 'x')
    const joined = joinSignatures(
      policies,
      { documents: [returned(signed)], bare: [bare(second)] },
      publicKey,
    )
    expect(joined.unsigned).toEqual([])
    expect(joined.signed).toEqual(await signPolicies(policies, key.signing(), 'x'))
  })

  test('says what nobody has signed', () => {
    const joined = joinSignatures(policies, { documents: [], bare: [bare(policy)] }, publicKey)
    expect(joined.unsigned).toEqual([second])
  })

  test('refuses a bare signature of nothing', () => {
    const strange = { documents: [], bare: [bare(policy, other)] }
    expect(() => joinSignatures(policies, strange, publicKey)).toThrow(
      expect.objectContaining({ code: 'NO_MATCH' }),
    )
  })

  test('refuses JSON for another image', async () => {
    const strange = await signPolicies([second], key.signing(), 'x')
    expect(() =>
      joinSignatures([policy], { documents: [returned(strange)], bare: [] }, publicKey),
    ).toThrow('signed.json: the signature of sha1 policy')
  })

  test('refuses a signature that was changed on the way', () => {
    const forged = { ...policy, entry: { ...policy.entry, signature: new Uint8Array(256) } }
    expect(() =>
      joinSignatures([policy], { documents: [returned([forged])], bare: [] }, publicKey),
    ).toThrow(expect.objectContaining({ code: 'BAD_SIGNATURE' }))
  })
})

describe('placing', () => {
  const sign = async (name: string) => {
    const uki = await openUkiFile(path(name))
    const profiles = await signUki(await measureUki(uki), key.signing(), { subject: name })
    return { uki, profiles }
  }

  test('gives each profile its own signatures and moves nothing', async () => {
    const profile = (id: string) => ({ name: '.profile', content: `ID=${id}` })
    writeUki(path('two.efi'), [profile('a'), room(), profile('b'), room()])
    const { uki, profiles } = await sign('two.efi')
    await placeSignatures(uki, profiles, { output: path('two.signed.efi') })
    const signed = await openUkiFile(path('two.signed.efi'))
    expect(signed.pe.sections.map(({ virtualSize, ...rest }) => rest)).toEqual(
      uki.pe.sections.map(({ virtualSize, ...rest }) => rest),
    )
    expect(await measureUki(signed)).toMatchObject(
      (await measureUki(uki)).map(({ phases, events }) => ({ phases, events })),
    )
    await uki.close()
    await signed.close()
  })

  test('never replaces a file unless it is told to, and may replace its own', async () => {
    writeUki(path('own.efi'), [room()])
    const { uki, profiles } = await sign('own.efi')
    const options = { output: path('own.efi') }
    await expect(placeSignatures(uki, profiles, options)).rejects.toMatchObject({ code: 'EXISTS' })
    expect(readFileSync(path('own.efi'))).toEqual(Buffer.from(makeUki([room()])))
    await placeSignatures(uki, profiles, { ...options, force: true })
    await uki.close()
    expect(readFileSync(path('own.efi')).includes('"sig": "')).toBe(true)
  })

  test.runIf(process.platform !== 'win32')(
    'in its own place, it keeps its mode and the link that leads to it',
    async () => {
      writeUki(path('linked.efi'), [room()])
      chmodSync(path('linked.efi'), 0o600)
      symlinkSync('linked.efi', path('link.efi'))
      const { uki, profiles } = await sign('link.efi')
      await placeSignatures(uki, profiles, { output: path('link.efi'), force: true })
      await uki.close()
      expect(readlinkSync(path('link.efi'))).toBe('linked.efi')
      expect(statSync(path('linked.efi')).mode & 0o777).toBe(0o600)
      expect(readFileSync(path('linked.efi')).includes('"sig": "')).toBe(true)
    },
  )

  test('leaves the blanks out where only that fits', async () => {
    writeUki(path('wide.efi'), [room()])
    const wide = await sign('wide.efi')
    await wide.uki.close()
    const document = appendPcrSignatures({}, wide.profiles[0]!.signatures)
    const size = formatJsonText(document, 'short').length
    writeUki(path('tight.efi'), [{ name: '.pcrsig', content: ' '.repeat(size), rawSize: size }])
    const { uki, profiles } = await sign('tight.efi')
    await placeSignatures(uki, profiles, { output: path('tight.signed.efi') })
    await uki.close()
    expect(readFileSync(path('tight.signed.efi')).includes('","sig":"')).toBe(true)
  })

  test.each([
    ['no .pcrsig', [], 'profile 0 has no section .pcrsig'],
    ['too little room', [room(512)], 'has room for 512'],
  ])('says that there is %s, and writes nothing', async (name, sections, message) => {
    writeUki(path(`${name}.efi`), sections)
    const { uki, profiles } = await sign(`${name}.efi`)
    const output = path(`${name}.out.efi`)
    await expect(placeSignatures(uki, profiles, { output })).rejects.toThrow(message)
    await uki.close()
    expect(() => readFileSync(output)).toThrow('ENOENT')
  })
})

test('a PE file with a certificate table is refused, or loses it', async () => {
  writeFileSync(path('sb.efi'), makeUki([room()], { certificates: new Uint8Array(24).fill(1) }))
  const uki = await openUkiFile(path('sb.efi'))
  const profiles = [{ profile: uki.profiles[0]!, signatures: [] }]
  const output = path('sb.out.efi')
  await expect(placeSignatures(uki, profiles, { output })).rejects.toMatchObject({
    name: 'PolicyError',
    code: 'SIGNED',
  })
  await placeSignatures(uki, profiles, { output, stripAuthenticode: true })
  const stripped = await openUkiFile(output)
  expect(stripped.pe.certificateTable).toBeUndefined()
  await stripped.close()
  await uki.close()
})
