import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { findPcrSignature, parsePcrSignatures } from '../../src/formats/pcr-signature.ts'
import { parsePolicyKey } from '../../src/formats/tpm2/policy-key.ts'
import { policyKeyPem } from './tpm2/vectors.ts'

const PCR_11 = 1 << 11
const text = readFileSync(new URL('../vectors/tpm2/pcr-signature.json', import.meta.url))
const entry = JSON.parse(text.toString()).sha256[0]
const { fingerprint } = parsePolicyKey(policyKeyPem())
const policy = fromHex('3042fa12601830bb571a3f28aa7d4e9f520f1c0e094ab38c5d066ccc10aa3104')!
const wanted = { bank: 'sha256', pcrMask: PCR_11, fingerprint, policy } as const

const parse = (value: unknown) => parsePcrSignatures(Buffer.from(JSON.stringify(value)))
const withEntry = (change: object) => parse({ sha256: [{ ...entry, ...change }] })

test('what systemd-measure signed is read, and found by its policy', () => {
  const signatures = parsePcrSignatures(text)
  expect([...signatures.keys()]).toEqual(['sha256'])
  const found = findPcrSignature(signatures, wanted)
  expect(found).toMatchObject({ kind: 'found' })
  if (found.kind === 'found') expect(toHex(found.signature).slice(0, 8)).toBe('001d055e')
})

test.each([
  ['bank', { ...wanted, bank: 'sha1' }],
  ['key', { ...wanted, fingerprint: policy }],
  ['pcrs', { ...wanted, pcrMask: PCR_11 | 1 }],
  ['policy', { ...wanted, policy: fingerprint }],
] as const)('a file without the %s is said to be one', (field, other) => {
  expect(findPcrSignature(parsePcrSignatures(text), other)).toEqual({ kind: 'missing', field })
})

test('an entry nobody has signed yet does not count, nor does one for a reference', () => {
  expect(findPcrSignature(withEntry({ sig: undefined }), wanted)).toMatchObject({
    field: 'signature',
  })
  expect(findPcrSignature(withEntry({ ref: 'initrd' }), wanted)).toMatchObject({ field: 'pcrs' })
  expect(findPcrSignature(withEntry({ ref: '' }), wanted)).toMatchObject({ kind: 'found' })
  expect(findPcrSignature(withEntry({ pkfp: undefined }), wanted)).toMatchObject({ field: 'key' })
})

test('what is not known is passed over', () => {
  const signatures = parse({ sm3: 'x', sha256: [{ ...entry, tbs: 1 }], sha1: [] })
  expect([...signatures.keys()]).toEqual(['sha1', 'sha256'])
})

describe('refuses', () => {
  test.each([
    ['no JSON', Buffer.from('{'), 'text is not JSON'],
    ['an array', Buffer.from('[]'), 'JSON is not an object'],
    ['null', Buffer.from('null'), 'JSON is not an object'],
    ['bytes that are no text', Buffer.of(0xff), 'text is not UTF-8'],
    ['more than is read', Buffer.alloc(4 * 1024 * 1024 + 1), 'at most 4194304 are read'],
  ])('%s', (_, bytes, message) => {
    expect(() => parsePcrSignatures(bytes)).toThrow(message)
  })

  test.each([
    ['a bank that is no array', { sha256: {} }, 'sha256 is not an array'],
    ['an entry that is no object', { sha256: [1] }, 'sha256 0 is not an object'],
  ])('%s', (_, value, message) => {
    expect(() => parse(value)).toThrow(message)
  })

  test.each([
    ['no PCRs', { pcrs: undefined }, 'pcrs is not a list'],
    ['PCR 24', { pcrs: [24] }, 'pcrs is not a list of numbers from 0 to 23'],
    ['PCR -1', { pcrs: [-1] }, 'pcrs is not a list'],
    ['a PCR in words', { pcrs: ['11'] }, 'pcrs is not a list'],
    ['no policy', { pol: undefined }, 'field pol missing'],
    ['a policy of SHA-1', { pol: '00'.repeat(20) }, 'pol is not 32 bytes'],
    ['a fingerprint that is no hexadecimal', { pkfp: 'x' }, 'pkfp is not 32 bytes'],
    ['a reference that is a number', { ref: 1 }, 'ref is not text'],
    ['a signature that is no base64', { sig: '*' }, 'sig is not base64'],
    ['an empty signature', { sig: '' }, 'sig is not base64'],
  ])('an entry with %s', (_, change, message) => {
    expect(() => withEntry(change)).toThrow(message)
  })
})
