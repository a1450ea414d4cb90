import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../src/errors.ts'
import {
  formatSigningRequest,
  formatSigningResponse,
  parseSigningRequest,
  parseSigningResponse,
  type RequestItem,
} from '../../src/formats/signing-request.ts'
import { extendPolicyPcr } from '../../src/formats/tpm2/policy.ts'

const text = (value: string) => new TextEncoder().encode(value)
const values = new Map([[11, new Uint8Array(32).fill(7)]])
const policy = extendPolicyPcr(new Uint8Array(32), { bank: 'sha256', values })
const ITEMS: readonly RequestItem[] = [
  {
    purpose: 'verity-root-hash',
    payload: text('0123456789abcdef'.repeat(4)),
    subject: 'hello',
    path: 'images/hello.raw',
  },
  {
    purpose: 'pcr-policy',
    payload: policy,
    subject: 'linux',
    path: 'linux.efi',
    policy,
    evidence: { bank: 'sha256', values },
    phase: 'enter-initrd',
    profiles: [0, 1],
  },
]
const request = { items: ITEMS }
const certificate = Uint8Array.of(1, 2, 3)
const response = {
  certificate,
  items: ITEMS.map((item) => ({ ...item, signature: Uint8Array.of(9) })),
}

test('parsing inverts formatting', () => {
  expect(parseSigningRequest(text(formatSigningRequest(request)))).toEqual(request)
  expect(parseSigningResponse(text(formatSigningResponse(response)))).toEqual(response)
})

test.each([
  ['"payload":', '"payload": "AAAA", "payload":'],
  ['"payload":', '"pay\\u006coad": "AAAA", "payload":'],
  ['"items":', '"items": [], "items":'],
  ['"version":', '"x": [{"\\"": {"a": 1, "b": ":,", "a": 2}}], "version":'],
  ['"version":', '"__proto__": 1, "__proto__": 1, "version":'],
])('no field is there twice: %s %s', (field, fields) => {
  const json = formatSigningRequest(request)
  expect(() => parseSigningRequest(text(json.replace(field, fields)))).toThrow(/has a field twice/)
})

test('fields of one name in several objects, and text like fields, are no twins', () => {
  const more = '"__proto__": {"x": "\\\\", "y": "\\":\\""}, "constructor": [{"x": 1}, {"x": 2}], '
  const json = formatSigningRequest(request).replace('"version"', `${more}"version"`)
  expect(parseSigningRequest(text(json))).toEqual(request)
})

test('one is not taken for the other', () => {
  expect(() => parseSigningRequest(text(formatSigningResponse(response)))).toThrow(/is a response/)
  expect(() => parseSigningResponse(text(formatSigningRequest(request)))).toThrow(/is a request/)
})

/** The request with some fields of an item set, or removed where they are undefined. */
function changed(index: number, change: object): Uint8Array {
  const object = JSON.parse(formatSigningRequest(request))
  object.items[index] = { ...object.items[index], ...change }
  return text(JSON.stringify(object))
}

describe('an item is refused with what is wrong', () => {
  test.each([
    ['payload', 'x', /item 1 payload is not bytes/],
    ['payload', '', /item 1 payload is not bytes/],
    ['payload', 'AAAA', /item 1 hash is not that of payload/],
    ['hash', undefined, /item 1 hash/],
    ['digest', 'sha512', /item 1 digest/],
    ['subject', 7, /item 1 subject/],
    ['subject', 'x'.repeat(5000), /item 1 subject/],
    ['purpose', 'authenticode', /item 1 purpose/],
    ['purpose', 'pcr-policy', /item 1 bank/],
    ['path', '/etc/passwd', /leads out of the folder/],
    ['path', '../hello.raw', /leads out of the folder/],
    ['path', 'a/../../b', /leads out of the folder/],
    ['path', 'a//b', /leads out of the folder/],
    ['path', './a', /leads out of the folder/],
    ['path', 'a\\..\\b', /leads out of the folder/],
    ['path', 'a\0b', /leads out of the folder/],
    ['path', '', /leads out of the folder/],
  ])('%s: %j', (field, value, message) => {
    expect(() => parseSigningRequest(changed(0, { [field]: value }))).toThrow(message)
  })

  test.each([
    ['purpose', 'verity-root-hash', /item 2 payload: .* the 64 hexadecimal digits/],
    ['bank', 'md5', /item 2 bank/],
    ['pol', '07', /item 2 pol/],
    ['pol', '08'.repeat(32), /item 2 pol is not the policy of bank, pcrs and values/],
    ['ref', 'initrd', /item 2 payload: .* the digest of the policy, and that of its reference/],
    ['ref', '', /item 2 payload: .* text of 1 to 4096 characters/],
    ['ref', 'a\nb', /item 2 payload: .* text of 1 to 4096 characters/],
    ['ref', '0123456789abcdef'.repeat(4), /item 2 payload: .* and no root hash/],
    ['ref', 7, /item 2 ref/],
    ['values', undefined, /item 2 values/],
    ['values', [], /item 2 values/],
    ['values', ['0x'], /item 2 values/],
    ['values', ['08'.repeat(32)], /item 2 payload: .* the digest of the policy/],
    ['values', ['08'.repeat(20)], /item 2 payload: .* PCR 11 has 20 bytes, sha256 has 32/],
    ['approval', { publicKey: 'AA==', signature: 'AA==' }, /item 2 approval: only agents/],
    ['phase', undefined, /item 2 phase/],
    ['pcrs', [24], /item 2 pcrs/],
    ['pcrs', 'x', /item 2 pcrs/],
    ['profiles', [-1], /item 2 profiles/],
    ['profiles', [0.5], /item 2 profiles/],
  ])('%s: %j', (field, value, message) => {
    expect(() => parseSigningRequest(changed(1, { [field]: value }))).toThrow(message)
  })
})

test.each([
  ['', /not JSON/],
  ['[]', /not an object/],
  ['{"version":2}', /version is not 1/],
  ['{"version":1}', /format is not/],
  ['{"version":1,"format":"extsign signing request"}', /items is not a list/],
  ['{"version":1,"format":"extsign signing request","items":[]}', /items is not a list/],
  ['{"version":1,"format":"extsign signing request","items":[1]}', /item 1 is not an object/],
])('%s is refused', (json, message) => {
  expect(() => parseSigningRequest(text(json))).toThrow(message)
})

test('any bytes give a value or a FormatError', () => {
  const bytes = fc.oneof(fc.uint8Array(), fc.json().map(text))
  fc.assert(
    fc.property(bytes, (input) => {
      for (const parse of [parseSigningRequest, parseSigningResponse]) {
        try {
          parse(input)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }
    }),
  )
})
