import { createPublicKey, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { toBase64 } from '../../src/bytes/base64.ts'
import { toHex } from '../../src/bytes/hex.ts'
import { formatJsonText, type JsonObject } from '../../src/formats/json-text.ts'
import {
  appendPcrSignatures,
  type BankedSignature,
  policyPayload,
} from '../../src/formats/pcr-signature-document.ts'
import type { PcrBank } from '../../src/formats/tpm2/pcr.ts'
import { type MeasureOptions, measureUki } from '../../src/policies/measure.ts'
import { policiesOf } from '../../src/policies/policy.ts'
import { signPolicies } from '../../src/policies/sign.ts'
import { type VerifyPoliciesOptions, verifyPolicies } from '../../src/policies/verify.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { type MadeSection, makeUki } from '../support/pe.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { makePolicyKey, ukiOf } from './images.ts'

const folder = temporaryFolder()
const key = makePolicyKey()
const other = makePolicyKey()
const pkey: MadeSection = { name: '.pcrpkey', content: key.publicKeyPem }

/** Signatures for each boot of an image of these sections. */
async function signedFor(
  sections: readonly MadeSection[],
  options: MeasureOptions = {},
): Promise<readonly (readonly BankedSignature[])[]> {
  const boots = await measureUki(await ukiOf(makeUki(sections)), options)
  const { fingerprint } = key.signing().publicKey
  return Promise.all(
    boots.map(({ phases }) =>
      signPolicies(policiesOf(phases, { fingerprint }), key.signing(), 'x'),
    ),
  )
}

const pcrsig = (document: JsonObject, tail = ''): MadeSection => ({
  name: '.pcrsig',
  content: `${formatJsonText(document, 'short')}${tail}`,
})

let count = 0

/** The findings that are not ok, each by its check, and the verdict. */
async function verify(
  sections: readonly MadeSection[],
  options: Partial<VerifyPoliciesOptions> = {},
): Promise<{ verdict: string; failed: string[] }> {
  const uki = join(folder, `${count++}.efi`)
  writeFileSync(uki, makeUki(sections))
  const { verdict, findings } = await verifyPolicies({ uki, ...options })
  const failed = findings.flatMap((finding) =>
    finding.ok ? [] : [`${finding.check}: ${finding.found}`],
  )
  return { verdict, failed }
}

describe('one image', () => {
  let signed: readonly BankedSignature[]
  beforeAll(async () => {
    signed = (await signedFor([pkey]))[0]!
  })

  /** Verifies it with its entries changed. */
  const withEntries = (change: (entries: BankedSignature[]) => readonly BankedSignature[]) =>
    verify([pkey, pcrsig(appendPcrSignatures({}, change([...signed])))])

  const withFirst = (bank: PcrBank, change: (entry: BankedSignature['entry']) => object) =>
    withEntries((entries) => {
      const index = entries.findIndex((each) => each.bank === bank)
      const { entry } = entries[index]!
      return entries.with(index, { bank, entry: { ...entry, ...change(entry) } })
    })

  test('that is signed for every phase and bank is ok', async () => {
    expect(await withEntries((entries) => entries)).toEqual({ verdict: 'ok', failed: [] })
  })

  test('is ok with the key that was given, and wrong with another', async () => {
    const sections = [pkey, pcrsig(appendPcrSignatures({}, signed))]
    const { publicKey } = key.signing()
    expect(await verify(sections, { publicKey })).toMatchObject({ verdict: 'ok' })
    const stranger = await verify(sections, { publicKey: other.signing().publicKey })
    expect(stranger.verdict).toBe('wrong')
    expect(stranger.failed).toEqual([
      `public key: the image: key ${toHex(publicKey.fingerprint)}`,
      expect.stringMatching(
        /^key fingerprint: [0-9a-f]{64} \(the image: sha1 0, .* and 12 more\)$/,
      ),
    ])
  })

  test('without .pcrsig has nothing', async () => {
    expect((await verify([pkey])).failed).toEqual(['signatures: the image: no section .pcrsig'])
  })

  test.each([
    ['no JSON', 'hello', 'text is not JSON'],
    ['NUL bytes behind it', '{}\0\0', 'followed by NUL bytes'],
    ['nothing', '   ', 'no entries'],
    ['an entry that is none', '{"sha256":[{}]}', 'field pol missing'],
  ])('with %s in .pcrsig', async (_, content, message) => {
    const { verdict, failed } = await verify([pkey, { name: '.pcrsig', content }])
    expect(verdict).toBe('wrong')
    expect(failed).toEqual([expect.stringContaining(message)])
  })

  test('whose signatures nobody can check is unproven', async () => {
    const bare = (await signedFor([]))[0]!
    expect(await verify([pcrsig(appendPcrSignatures({}, bare))])).toEqual({
      verdict: 'unproven',
      failed: ['public key: none: there is no .pcrpkey and none was given'],
    })
  })

  test('with an EC key never opens anything', async () => {
    const { key } = makeTestKey('p256')
    const content = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString()
    const { failed } = await verify([{ name: '.pcrpkey', content }, pcrsig({})])
    expect(failed).toContainEqual(expect.stringContaining('p256 keys never unlock anything'))
  })

  test('signed with the hash of the bank, as systemd 257 does', async () => {
    const { failed } = await withFirst('sha512', (entry) => ({
      signature: new Uint8Array(sign('sha512', policyPayload(entry), key.key)),
    }))
    expect(failed).toEqual([
      'signature: one with sha512, as systemd before 260 makes them and no TPM accepts (the image: sha512 0)',
    ])
  })

  test.each([
    [
      'signed by another key',
      { signature: new Uint8Array(256) },
      'signature: one of something else',
    ],
    ['for another key', { fingerprint: new Uint8Array(32) }, 'key fingerprint: 0000'],
    ['for no key', { fingerprint: undefined }, 'entries: none (the image: sha256 0)'],
    ['not signed', { signature: undefined }, 'entries: none yet (the image: sha256 0)'],
    ['over other PCRs', { pcrMask: 0x1800 }, 'entries: PCRs 11, 12 (the image: sha256 0)'],
  ])('with an entry that is %s', async (_, change, message) => {
    const { verdict, failed } = await withFirst('sha256', () => change)
    expect(verdict).toBe('wrong')
    expect(failed[0]).toContain(message)
  })

  test('with an entry twice', async () => {
    const [first, second] = signed
    const again = { ...first!, entry: { ...first!.entry, signature: second!.entry.signature } }
    const { failed } = await withEntries((entries) => [...entries, again])
    expect(failed).toContain('entries: it again (the image: sha1 4)')
  })

  test('with an entry of another image', async () => {
    const [foreign] = await signedFor([pkey, { name: '.cmdline', content: 'quiet' }], {
      banks: ['sha256'],
    })
    const { failed } = await withEntries((entries) => [...entries, ...foreign!])
    expect(failed).toEqual([
      'states: one of none of its phases (the image: sha256 4, the image: sha256 5, the image: sha256 6, the image: sha256 7)',
    ])
  })

  test('with a phase that no boot gets to', async () => {
    const [never] = await signedFor([pkey], { banks: ['sha256'], phases: ['leave-initrd'] })
    expect((await withEntries((entries) => [...entries, ...never!])).failed).toEqual([
      'states: leave-initrd, and leave-initrd never follows on the start of the kernel (the image: sha256 4)',
    ])
  })

  test('with a phase of somebody else, which is known when it is named', async () => {
    const [mine] = await signedFor([pkey], { phases: ['mine'] })
    const sections = [pkey, pcrsig(appendPcrSignatures({}, mine!))]
    expect((await verify(sections)).verdict).toBe('wrong')
    expect((await verify(sections, { phases: ['mine'] })).verdict).toBe('ok')
  })

  test('without one phase in one bank', async () => {
    const { failed } = await withEntries((entries) => entries.slice(1))
    expect(failed).toEqual(['coverage: none for sha1 enter-initrd'])
  })

  test('without SHA-256', async () => {
    const { failed } = await withEntries((entries) => entries.filter(({ bank }) => bank === 'sha1'))
    expect(failed).toEqual(['coverage: none'])
  })
})

describe('profiles', () => {
  const profile = (id: string): MadeSection => ({ name: '.profile', content: `ID=${id}` })
  const plain = [pkey, profile('a'), profile('b')]

  test('each with its own are ok, and with those of the other wrong', async () => {
    const [a, b] = await signedFor(plain)
    const place = (first: readonly BankedSignature[], second: readonly BankedSignature[]) =>
      verify([
        pkey,
        ...[profile('a'), pcrsig(appendPcrSignatures({}, first))],
        ...[profile('b'), pcrsig(appendPcrSignatures({}, second))],
      ])
    expect((await place(a!, b!)).failed).toEqual([])
    const swapped = await place(b!, a!)
    expect(swapped.failed).toContainEqual(
      expect.stringContaining('states: one of profile 1, which does not see it'),
    )
  })

  test('that share the .pcrsig of the base must all be in it', async () => {
    const [a, b] = await signedFor(plain)
    const share = (signed: readonly BankedSignature[]) =>
      verify([pkey, pcrsig(appendPcrSignatures({}, signed)), profile('a'), profile('b')])
    expect((await share([...a!, ...b!])).failed).toEqual([])
    expect((await share(a!)).failed).toEqual([
      'coverage: none for sha1 enter-initrd, sha1 enter-initrd:leave-initrd, sha1 enter-initrd:leave-initrd:sysinit, sha1 enter-initrd:leave-initrd:sysinit:ready and 12 more',
    ])
  })
})

test('a device tree that was forgotten is found, none at all is only told', async () => {
  const trees = ['a', 'b'].map((content): MadeSection => ({ name: '.dtbauto', content }))
  const [a, b] = await signedFor([pkey, ...trees])
  const sections = (signed: readonly BankedSignature[]) => [
    pkey,
    ...trees,
    pcrsig(appendPcrSignatures({}, signed)),
  ]
  expect((await verify(sections([...a!, ...b!]))).failed).toEqual([])
  expect((await verify(sections(a!))).failed).toEqual([
    expect.stringContaining('coverage: none for'),
  ])
})

test('a file with JSON is checked against an image, or for itself', async () => {
  const signed = (await signedFor([pkey]))[0]!
  const signatures = join(folder, 'signatures.json')
  const document = appendPcrSignatures({}, signed)
  writeFileSync(signatures, formatJsonText(document, 'pretty'))
  expect(await verify([pkey], { signatures })).toEqual({ verdict: 'ok', failed: [] })
  const { publicKey } = key.signing()
  expect(await verifyPolicies({ signatures, publicKey })).toMatchObject({ verdict: 'ok' })
  const forged = toBase64(new Uint8Array(256))
  writeFileSync(signatures, JSON.stringify(document).replace(/"sig":"[^"]*"/, `"sig":"${forged}"`))
  expect(await verifyPolicies({ signatures, publicKey })).toMatchObject({ verdict: 'wrong' })
})
