import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat } from '../../src/bytes/concat.ts'
import { fromHex } from '../../src/bytes/hex.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import {
  encodeSignatureLists,
  makeSignatureLists,
} from '../../src/formats/efi-signature-list/index.ts'
import { variablePayload } from '../../src/formats/efi-variable/index.ts'
import { policyPayload } from '../../src/formats/pcr-signature-document.ts'
import { encodeSignedAttributes, indirectData } from '../../src/formats/pkcs7/authenticode.ts'
import {
  isPurpose,
  type PolicyEvidence,
  PURPOSES,
  type PurposeBytes,
} from '../../src/formats/signing-purpose/parts.ts'
import { PCR_BANKS, pcrSize } from '../../src/formats/tpm2/pcr.ts'
import { extendPolicyPcr } from '../../src/formats/tpm2/policy.ts'
import { askSigner, examineRequest } from '../../src/keys/purpose.ts'
import type { SigningRequest } from '../../src/keys/signer.ts'
import { policyOf } from '../../src/policies/policy.ts'
import { makePolicyKey } from '../policies/images.ts'
import { signRaw } from './test-keys.ts'

const ROOT_HASH = encodeUtf8('0123456789abcdef'.repeat(4))
const values = new Map([[11, new Uint8Array(32).fill(7)]])
const policy = policyOf({ bank: 'sha256', values })
const limited = policyOf({ bank: 'sha256', values }, { reference: 'initrd' })
const imageHash = new Uint8Array(32).fill(9)
const content = indirectData(imageHash)
const attributes = encodeSignedAttributes({ messageDigest: sha256(content.subarray(2)) })
const variable = variablePayload({
  variable: 'db',
  data: encodeSignatureLists(makeSignatureLists({ certificates: [Uint8Array.of(0x30, 0)] })),
  time: new Date(0),
})

const asked = (bytes: PurposeBytes): SigningRequest => ({
  ...bytes,
  digest: 'sha256',
  subject: 'x',
})
function isSigned(bytes: PurposeBytes): boolean {
  try {
    examineRequest(asked(bytes))
    return true
  } catch (error) {
    expect(error).toMatchObject({ name: 'KeyError', code: 'UNSUPPORTED' })
    return false
  }
}

const SIGNED: readonly PurposeBytes[] = [
  { purpose: 'verity-root-hash', payload: ROOT_HASH },
  { purpose: 'pcr-policy', payload: policyPayload(policy.entry), policy: policy.evidence },
  { purpose: 'pcr-policy', payload: policyPayload(limited.entry), policy: limited.evidence },
  { purpose: 'authenticode', payload: attributes, content },
  { purpose: 'uefi-variable', payload: variable },
]

test.each(SIGNED)('$purpose is signed', (bytes) => {
  expect(examineRequest(asked(bytes)).purpose).toBe(bytes.purpose)
})

describe('what a person approves of', () => {
  test.each([
    [SIGNED[0]!, { rootHash: '0123456789abcdef'.repeat(4) }],
    [SIGNED[1]!, { policy: policy.entry.policy, bank: 'sha256', values }],
    [SIGNED[2]!, { policy: policy.entry.policy, reference: 'initrd', values }],
    [SIGNED[3]!, { imageHash }],
    [
      SIGNED[4]!,
      {
        variable: 'db',
        guid: 'd719b2cb-3d3a-4596-a3bc-dad00e67656f',
        append: false,
        time: new Date(0),
        certificates: [sha256(Uint8Array.of(0x30, 0))],
        hashes: [],
        others: [],
      },
    ],
  ])('$purpose', (bytes, parts) => {
    expect(examineRequest(asked(bytes))).toMatchObject(parts)
  })
})

describe('is not signed', () => {
  const bytesOf = (text: string) => encodeUtf8(text)
  const refused: readonly (readonly [string, PurposeBytes])[] = [
    ...[bytesOf('A'.repeat(64)), concat(ROOT_HASH, bytesOf('\n')), new Uint8Array(32)].map(
      (payload) => ['as a root hash', { purpose: 'verity-root-hash', payload }] as const,
    ),
    ['a policy without its PCRs', { purpose: 'pcr-policy', payload: policy.entry.policy }],
    [
      'a policy over no PCR',
      {
        purpose: 'pcr-policy',
        payload: extendPolicyPcr(new Uint8Array(32), { bank: 'sha256', values: new Map() }),
        policy: { bank: 'sha256', values: new Map() },
      },
    ],
    ...['', 'a\0', '\ud800', '0123456789abcdef'.repeat(4), 'x'.repeat(4097)].map(
      (reference) =>
        [
          `a policy with the reference ${JSON.stringify(reference.slice(0, 9))}`,
          {
            purpose: 'pcr-policy',
            payload: policyPayload({ policy: policy.entry.policy, reference }),
            policy: { bank: 'sha256', values, reference },
          },
        ] as const,
    ),
    ['attributes without content', { purpose: 'authenticode', payload: attributes }],
    [
      'attributes of other content',
      { purpose: 'authenticode', payload: attributes, content: indirectData(new Uint8Array(32)) },
    ],
    ...[
      concat(attributes, Uint8Array.of(0)),
      attributes.with(0, 0x30),
      // Another content type: id-data, as in the message of a root hash.
      concat(
        fromHex('314b301806092a864886f70d010903310b06092a864886f70d010701')!,
        attributes.subarray(-49),
      ),
      // No content type at all, which OpenSSL would take.
      concat(Uint8Array.of(0x31, 49), attributes.subarray(-49)),
    ].map(
      (payload) => ['other attributes', { purpose: 'authenticode', payload, content }] as const,
    ),
    ...[bytesOf('d\0b\0 and so on'), variable.subarray(0, -1), concat(variable, variable)].map(
      (payload) => ['as a variable', { purpose: 'uefi-variable', payload }] as const,
    ),
  ]
  test.each(refused)('%s', (_, bytes) => {
    expect(isSigned(bytes)).toBe(false)
  })

  test('with another hash than SHA-256', () => {
    for (const bytes of SIGNED) {
      const request = { ...asked(bytes), digest: 'sha512' as 'sha256' }
      expect(() => examineRequest(request)).toThrow(/hashed with SHA-256, not sha512$/)
    }
  })

  test('and a signer of the caller is not asked', async () => {
    let count = 0
    const signer = { sign: async () => new Uint8Array(count++) }
    const payload = policy.entry.policy
    await expect(askSigner(signer, asked({ purpose: 'pcr-policy', payload }))).rejects.toThrow(
      /beside the values of its PCRs/,
    )
    expect(count).toBe(0)
  })
})

/** Bytes that readers of another purpose take: each was signed as a policy once. */
describe('an attack that worked is refused', () => {
  const digest = (of: Uint8Array) =>
    concat(fromHex('313e300b06032a0304310404020000302f06092a864886f70d01090431220420')!, sha256(of))
  const evidence: readonly (PolicyEvidence | undefined)[] = [
    undefined,
    { bank: 'sha256', values },
    { bank: 'sha256', values, reference: 'initrd' },
    { bank: 'sha256', values, reference: new TextDecoder().decode(ROOT_HASH) },
  ]
  const attacks = [
    ['attributes of a PKCS#7 message about a root hash', digest(ROOT_HASH)],
    ['attributes of an Authenticode message', digest(content.subarray(2))],
    // EDK2 looks at the end of the content, and at nothing else in it.
    ['the hash of a boot program', imageHash],
    ['the content of an Authenticode message', content.subarray(2)],
    ['a hash at the end', concat(new Uint8Array(32).fill(1), imageHash)],
    ['a root hash', ROOT_HASH],
  ] as const
  test.each(attacks)('%s', (_, payload) => {
    for (const each of evidence) {
      for (const purpose of PURPOSES) {
        if (purpose === 'verity-root-hash' && payload === ROOT_HASH) continue
        expect(isSigned({ purpose, payload, policy: each, content })).toBe(false)
      }
    }
  })

  test('with a signature of an old key, too', () => {
    const key = makePolicyKey()
    const { publicKey } = key.signing()
    const payload = digest(ROOT_HASH)
    const approval = { publicKeyPem: publicKey.pem, signature: signRaw(key.key, payload) }
    const reference = new TextDecoder().decode(ROOT_HASH)
    const bytes = { purpose: 'pcr-policy', payload } as const
    expect(isSigned({ ...bytes, policy: { bank: 'sha256', approval, reference } })).toBe(false)
    expect(isSigned({ ...bytes, policy: { bank: 'sha256', approval } })).toBe(false)
  })
})

describe('an earlier signature in the place of PCRs', () => {
  const key = makePolicyKey()
  const publicKeyPem = key.signing().publicKey.pem
  const { payload } = SIGNED[2]!
  const withApproval = (signature: Uint8Array): PurposeBytes => ({
    purpose: 'pcr-policy',
    payload,
    policy: { bank: 'sha256', reference: 'initrd', approval: { publicKeyPem, signature } },
  })

  test('has to verify', () => {
    expect(isSigned(withApproval(signRaw(key.key, payload)))).toBe(true)
    expect(isSigned(withApproval(signRaw(key.key, policy.entry.policy)))).toBe(false)
    expect(isSigned(withApproval(new Uint8Array(256)))).toBe(false)
  })

  test('is no addition to them', () => {
    const { policy: evidence } = withApproval(signRaw(key.key, payload))
    const both = { ...evidence!, values }
    expect(isSigned({ purpose: 'pcr-policy', payload, policy: both })).toBe(false)
  })
})

/** Bytes that a purpose signs, with what shows it. */
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const anyReference = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
const anyPolicy = fc
  .record({ bank: fc.constantFrom(...PCR_BANKS), byte: fc.nat(255), reference: anyReference })
  .chain(({ bank, byte, reference }) =>
    fc
      .record({
        value: fc.uint8Array({ minLength: pcrSize(bank), maxLength: pcrSize(bank) }),
        hasReference: fc.boolean(),
      })
      .map(({ value, hasReference }): PurposeBytes => {
        const state = { bank, values: new Map([[byte % 24, value]]) }
        const made = policyOf(state, hasReference ? { reference } : {})
        return { purpose: 'pcr-policy', payload: policyPayload(made.entry), policy: made.evidence }
      }),
  )
const anyImage = fc
  .record({
    hash: bytes32,
    time: fc.option(
      fc.date({ min: new Date('1950-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      { nil: undefined },
    ),
    hasCapabilities: fc.boolean(),
  })
  .map(({ hash, time, hasCapabilities }): PurposeBytes => {
    const data = indirectData(hash)
    const messageDigest = sha256(data.subarray(2))
    const signingTime = time && new Date(Math.floor(time.getTime() / 1000) * 1000)
    const payload = encodeSignedAttributes({
      messageDigest,
      hasCapabilities,
      ...(signingTime && { signingTime }),
    })
    return { purpose: 'authenticode', payload, content: data }
  })
const anyVariable = fc
  .record({
    variable: fc.constantFrom('PK', 'KEK', 'db', 'dbx'),
    append: fc.boolean(),
    certificates: fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 2 }),
    digests: fc.array(bytes32, { maxLength: 3 }),
    seconds: fc.nat(),
  })
  .map(({ variable, append, certificates, digests, seconds }): PurposeBytes => {
    const data = encodeSignatureLists(makeSignatureLists({ certificates, digests }))
    const time = new Date(seconds * 1000)
    return { purpose: 'uefi-variable', payload: variablePayload({ variable, append, data, time }) }
  })
const anyRootHash = fc
  .stringMatching(/^[0-9a-f]{64}$/)
  .map((digits): PurposeBytes => ({ purpose: 'verity-root-hash', payload: encodeUtf8(digits) }))
const anyBytes = fc.oneof(anyRootHash, anyPolicy, anyImage, anyVariable)

describe('no two purposes share a byte string', () => {
  test('whatever is said to show that they do', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (bytes, other) => {
        expect(isSigned(bytes)).toBe(true)
        for (const purpose of PURPOSES) {
          if (purpose === bytes.purpose) continue
          const { policy: evidence, content: data } = { ...other, ...bytes }
          const { payload } = bytes
          expect(isSigned({ purpose, payload })).toBe(false)
          expect(isSigned({ purpose, payload, policy: evidence, content: data })).toBe(false)
          expect(isSigned({ ...other, purpose, payload })).toBe(false)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('nor does one bit make another of it', () => {
    fc.assert(
      fc.property(anyBytes, fc.nat(), (bytes, position) => {
        const bit = position % (8 * bytes.payload.length)
        const payload = bytes.payload.slice()
        payload[bit >> 3]! ^= 1 << (bit & 7)
        const admitted = PURPOSES.filter((purpose) => isSigned({ ...bytes, purpose, payload }))
        // It may make another root hash, time or certificate, never another policy or image hash.
        const { purpose } = bytes
        expect(purpose === 'pcr-policy' ? [] : [purpose]).toEqual(expect.arrayContaining(admitted))
      }),
      { numRuns: 150 },
    )
  })

  test('and policies and attributes have sizes of their own', () => {
    fc.assert(
      fc.property(anyBytes, ({ purpose, payload: { length } }) => {
        if (purpose === 'verity-root-hash') expect(length).toBe(64)
        if (purpose === 'pcr-policy') expect([32, 64]).toContain(length)
        if (purpose === 'authenticode') expect(length).toBeGreaterThanOrEqual(78)
        if (purpose === 'uefi-variable')
          expect(length === 40 || length === 42 || length > 84).toBe(true)
      }),
    )
  })
})

test('purposes have names', () => {
  expect(PURPOSES.every(isPurpose)).toBe(true)
  expect(isPurpose('root-hash')).toBe(false)
  expect(isPurpose('constructor')).toBe(false)
})
