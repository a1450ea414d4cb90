import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { formatJsonText } from '../../src/formats/json-text.ts'
import { parsePcrSignatures, readPcrSignatures } from '../../src/formats/pcr-signature.ts'
import {
  appendPcrSignatures,
  type BankedSignature,
  isEqualJson,
  parsePcrSignatureDocument,
  placePcrSignatures,
  policyPayload,
} from '../../src/formats/pcr-signature-document.ts'

const policy = new Uint8Array(32).fill(1)
const fingerprint = new Uint8Array(32).fill(2)
const entry = {
  pcrMask: 1 << 11,
  fingerprint,
  reference: undefined,
  policy,
  signature: Uint8Array.of(3),
}
const signed: BankedSignature = { bank: 'sha256', entry }
const [pol, pkfp] = [toHex(policy), toHex(fingerprint)]
const parse = (text: string) => parsePcrSignatureDocument(Buffer.from(text))

describe('what is signed', () => {
  test('is the policy', () => {
    expect(policyPayload({ policy, reference: undefined })).toBe(policy)
  })

  test('is the policy and the digest of the reference', () => {
    const payload = policyPayload({ policy, reference: 'initrd' })
    expect(toHex(payload.subarray(32))).toBe(
      '09e6c018d2c8c4903308613dd1b72484d57eadf12ec50ddc8f52e5accce470f2',
    )
  })
})

describe('appending', () => {
  test('writes fields in the order of systemd', () => {
    const full = { ...signed, entry: { ...entry, reference: 'initrd' } }
    expect(formatJsonText(appendPcrSignatures({}, [full], { payload: true }), 'short')).toBe(
      `{"sha256":[{"pcrs":[11],"pkfp":"${pkfp}","ref":"initrd","pol":"${pol}","tbs":"${pol}09e6c018d2c8c4903308613dd1b72484d57eadf12ec50ddc8f52e5accce470f2","sig":"Aw=="}]}`,
    )
  })

  test('what is written is read back', () => {
    const document = appendPcrSignatures({}, [signed])
    expect(parsePcrSignatures(Buffer.from(formatJsonText(document, 'pretty')))).toEqual(
      new Map([['sha256', [entry]]]),
    )
  })

  test('keeps what is there, whatever it is', () => {
    const text = '{"x":1,"sha512":[],"sha256":[{"y":[2.5,null]}]}'
    const document = appendPcrSignatures(parse(text), [signed, { ...signed, bank: 'sha1' }])
    expect(Object.keys(document)).toEqual(['x', 'sha512', 'sha256', 'sha1'])
    expect(document.sha256).toHaveLength(2)
  })

  test('adds nothing twice, in whichever order its fields are', () => {
    const text = `{"sha256":[{"sig":"Aw==","pol":"${pol}","pkfp":"${pkfp}","pcrs":[11]}]}`
    expect(appendPcrSignatures(parse(text), [signed, signed])).toEqual(parse(text))
  })

  test('refuses a bank that is no array', () => {
    expect(() => appendPcrSignatures({ sha256: {} }, [signed])).toThrow('sha256 is not an array')
  })

  test.each([
    ['[]', 'BAD_VALUE'],
    ['', 'BAD_VALUE'],
    ['{"a":[{"b":12345678901234567890}]}', 'OUT_OF_RANGE'],
  ])('refuses %s', (text, code) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ name: 'FormatError', code }))
  })
})

describe('placing', () => {
  const waiting = `{"pcrs":[11],"pkfp":"${pkfp}","pol":"${pol}","tbs":"${pol}"}`

  test('fills in the entry that waits, and keeps its other fields', () => {
    const document = placePcrSignatures(parse(`{"sha256":[{"z":1},${waiting}]}`), [signed])
    expect(formatJsonText(document, 'short')).toBe(
      `{"sha256":[{"z":1},${waiting.slice(0, -1)},"sig":"Aw=="}]}`,
    )
  })

  test('names the key where nobody has', () => {
    const nameless = `{"pcrs":[11],"pol":"${pol}"}`
    const document = placePcrSignatures(parse(`{"sha256":[${nameless}]}`), [signed])
    expect(document).toEqual(appendPcrSignatures({}, [signed]))
  })

  test.each([
    ['another key', waiting.replace(pkfp, pol)],
    ['another policy', waiting.replaceAll(pol, pkfp)],
    ['a reference', waiting.replace('"pol"', '"ref":"initrd","pol"')],
    ['other PCRs', waiting.replace('[11]', '[11,12]')],
    ['nothing that is known', '7'],
  ])('leaves an entry for %s alone', (_, other) => {
    const document = placePcrSignatures(parse(`{"sha256":[${other}]}`), [signed])
    expect(document.sha256).toEqual([
      JSON.parse(other),
      ...Object.values(appendPcrSignatures({}, [signed])).flat(),
    ])
  })

  test('a second time changes nothing', () => {
    const once = placePcrSignatures(parse(`{"sha256":[${waiting}]}`), [signed])
    expect(placePcrSignatures(once, [signed])).toEqual(once)
    expect(readPcrSignatures(once).get('sha256')).toHaveLength(1)
  })
})

test.each([
  [[1, 2], [1, 2], true],
  [[1, 2], [2, 1], false],
  [{ a: 1, b: [] }, { b: [], a: 1 }, true],
  [{ a: 1 }, { a: 1, b: 1 }, false],
  [[], {}, false],
  [null, {}, false],
  [fromHex('00')!.length, 1, true],
] as const)('%j equals %j: %s', (a, b, expected) => {
  expect(isEqualJson(a, b)).toBe(expected)
})
