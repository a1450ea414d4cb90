import * as asn1js from 'asn1js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/bytes/hex.ts'
import { FormatError } from '../../../src/errors.ts'
import { decodeSignedData } from '../../../src/formats/pkcs7/decode.ts'
import { findDeviations } from '../../../src/formats/pkcs7/deviation.ts'
import { findKernelObjection } from '../../../src/formats/pkcs7/kernel.ts'
import { findUserspaceObjection } from '../../../src/formats/pkcs7/userspace.ts'
import { decodeCertificate } from '../../../src/formats/x509/decode.ts'
import { editDer } from '../edit-der.ts'
import { readVector } from './vectors.ts'

const rsa = readVector('rsa')
const ec = readVector('ec')

test('a message gives everything a verifier looks at', () => {
  const { issuer, serialDer } = decodeCertificate(ec.certificate)
  expect(decodeSignedData(ec.message)).toEqual({
    version: 1,
    digestAlgorithms: [{ oid: '2.16.840.1.101.3.4.2.1', parameters: 'null' }],
    contentType: '1.2.840.113549.1.7.1',
    detached: true,
    certificates: [ec.certificate],
    hasRevocationLists: false,
    signers: [
      {
        version: 1,
        identifier: { kind: 'issuer-and-serial', issuer: issuer.der, serial: serialDer },
        digestAlgorithm: { oid: '2.16.840.1.101.3.4.2.1', parameters: 'null' },
        signatureAlgorithm: { oid: '1.2.840.10045.4.3.2', parameters: 'absent' },
        signature: ec.signature,
        hasUnsignedAttributes: false,
      },
    ],
    trailingBytes: 0,
  })
})

test('bytes after the end are counted, not refused: readers differ about them', () => {
  const longer = Uint8Array.from([...rsa.message, 0, 0])
  expect(decodeSignedData(longer).trailingBytes).toBe(2)
})

// Positions of fields in the message, to be replaced by other elements.
type Path = readonly number[]
const SIGNED_DATA: Path = [1, 0]
const SIGNER: Path = [1, 0, 4, 0]
const oid = (value: string) => new asn1js.ObjectIdentifier({ value })
const octets = (...bytes: number[]) =>
  new asn1js.OctetString({ valueHex: Uint8Array.from(bytes).buffer })
const tagged = (tagNumber: number, ...value: asn1js.BaseBlock[]) =>
  new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber }, value })
const attribute = (type: string, ...values: asn1js.BaseBlock[]) =>
  new asn1js.Sequence({ value: [oid(type), new asn1js.Set({ value: values })] })

describe('unusual messages decode to what they are', () => {
  test('attached content', () => {
    const attached = new asn1js.Sequence({
      value: [oid('1.2.840.113549.1.7.1'), tagged(0, octets(1, 2, 3))],
    })
    const message = decodeSignedData(edit([...SIGNED_DATA, 2], attached))
    expect(message.detached).toBe(false)
    expect(findKernelObjection(message)?.error).toBe('EBADMSG')
  })

  test('a signer named by key identifier', () => {
    const identifier = new asn1js.Primitive({
      idBlock: { tagClass: 3, tagNumber: 0 },
      valueHex: Uint8Array.of(0xaa, 0xbb).buffer,
    })
    const [signer] = decodeSignedData(edit([...SIGNER, 1], identifier)).signers
    expect(signer?.identifier).toEqual({
      kind: 'subject-key-id',
      keyIdentifier: Uint8Array.of(0xaa, 0xbb),
    })
  })

  test('signed attributes, as the SET that is signed', () => {
    const attributes = tagged(
      0,
      attribute('1.2.840.113549.1.9.3', oid('1.2.840.113549.1.7.1')),
      attribute('1.2.840.113549.1.9.4', octets(7, 7)),
    )
    const [signer] = decodeSignedData(edit([...SIGNER, 3], attributes, 'insert')).signers
    const signed = signer?.signedAttributes
    expect(signed?.contentType).toBe('1.2.840.113549.1.7.1')
    expect(signed?.messageDigest).toEqual(Uint8Array.of(7, 7))
    expect(toHex(signed!.der)).toBe(
      [
        '312d',
        '301806092a864886f70d010903310b06092a864886f70d010701',
        '301106092a864886f70d010904310404020707',
      ].join(''),
    )
  })

  test('unsigned attributes and revocation lists', () => {
    const lists = edit([...SIGNED_DATA, 4], tagged(1), 'insert')
    expect(decodeSignedData(lists).hasRevocationLists).toBe(true)
    const unsigned = edit([...SIGNER, 5], tagged(1), 'insert')
    expect(decodeSignedData(unsigned).signers[0]?.hasUnsignedAttributes).toBe(true)
  })

  test('no signer at all', () => {
    const message = decodeSignedData(edit([...SIGNED_DATA, 4], new asn1js.Set({ value: [] })))
    expect(message.signers).toEqual([])
    expect(findDeviations(message).map(({ field }) => field)).toEqual(['signers'])
  })
})

describe('refuses', () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['an empty input', new Uint8Array(), 'ends before its length'],
    ['JSON', new TextEncoder().encode('{"a":1}'), 'pkcs7:'],
    ['enveloped data', edit([0], oid('1.2.840.113549.1.7.3')), 'of type 1.2.840.113549.1.7.3'],
    ['a bare certificate', rsa.certificate, 'content type'],
    ['a third field after the content', edit([2], octets(), 'insert'), 'surplus field'],
    ['two contents', edit([1, 1], new asn1js.Sequence(), 'insert'), 'holds 2 elements, not one'],
    ['a negative version', edit([...SIGNED_DATA, 0], new asn1js.Integer({ value: -1 })), 'range'],
    [
      'a signature as text',
      edit([...SIGNER, 4], new asn1js.Utf8String({ value: 'x' })),
      'tag 0x04',
    ],
    ['a signer with a field too many', edit([...SIGNER, 5], octets(), 'insert'), 'surplus field'],
    [
      'algorithm parameters that follow each other',
      edit([...SIGNER, 2, 1], new asn1js.Null(), 'insert'),
      'surplus field',
    ],
    [
      'the same attribute twice',
      edit(
        [...SIGNER, 3],
        tagged(0, attribute('1.2.3', octets(1)), attribute('1.2.3', octets(2))),
        'insert',
      ),
      'attribute 1.2.3 appears twice',
    ],
    [
      'a message digest with two values',
      edit(
        [...SIGNER, 3],
        tagged(0, attribute('1.2.840.113549.1.9.4', octets(1), octets(2))),
        'insert',
      ),
      'message digest holds 2 elements',
    ],
    [
      'a hundred signers',
      edit([...SIGNED_DATA, 4], new asn1js.Set({ value: Array(100).fill(new asn1js.Sequence()) })),
      '100 signers, at most 16 are read',
    ],
    [
      'a serial number of a thousand bytes',
      edit(
        [...SIGNER, 1, 1],
        new asn1js.Integer({ valueHex: new Uint8Array(1000).fill(1).buffer }),
      ),
      'serial number of 1000 bytes',
    ],
  ]
  test.each(cases)('%s', (_, bytes, message) => {
    expect(() => decodeSignedData(bytes)).toThrow(FormatError)
    expect(() => decodeSignedData(bytes)).toThrow(message)
  })

  test('a message cut anywhere', () => {
    for (let size = 0; size < rsa.message.length; size++) {
      expect(() => decodeSignedData(rsa.message.subarray(0, size))).toThrow(FormatError)
    }
  })
})

test('a damaged message gives a value, whose judges do not fall, or a FormatError', () => {
  const trusted = [decodeCertificate(rsa.certificate)]
  const damage = fc.array(fc.tuple(fc.nat(rsa.message.length - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 4,
  })
  fc.assert(
    fc.property(damage, (changes) => {
      const bytes = Uint8Array.from(rsa.message)
      for (const [at, value] of changes) bytes[at] = value
      judge(bytes, trusted)
    }),
    { numRuns: 5000 },
  )
})

test('any bytes give a value or a FormatError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => judge(bytes, [])),
    { numRuns: 2000 },
  )
})

function judge(bytes: Uint8Array, trusted: Parameters<typeof findUserspaceObjection>[1]): void {
  try {
    const message = decodeSignedData(bytes)
    expect(Array.isArray(findDeviations(message))).toBe(true)
    for (const objection of [
      findKernelObjection(message),
      findUserspaceObjection(message, trusted),
    ]) {
      if (objection) expect(objection.reason).not.toBe('')
    }
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError)
  }
}

/** The RSA message with one element replaced, or another one put in front of it. */
function edit(path: Path, element: asn1js.BaseBlock, how?: 'insert'): Uint8Array {
  return editDer(rsa.message, path, element, how)
}
