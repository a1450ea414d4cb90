import * as asn1js from 'asn1js'
import { describe, expect, test } from 'vitest'
import {
  decodeSignedData,
  type SignedData,
  type SignerInfo,
} from '../../../src/formats/pkcs7/decode.ts'
import { findDeviations } from '../../../src/formats/pkcs7/deviation.ts'
import { findKernelObjection } from '../../../src/formats/pkcs7/kernel.ts'
import { findUserspaceObjection } from '../../../src/formats/pkcs7/userspace.ts'
import { decodeCertificate } from '../../../src/formats/x509/decode.ts'
import { makeTestKey } from '../../keys/test-keys.ts'
import { editDer } from '../edit-der.ts'
import { readVector } from './vectors.ts'

const vector = readVector('rsa')
const good = decodeSignedData(vector.message)
const [signer] = good.signers as [SignerInfo]
const certificate = decodeCertificate(vector.certificate)
const stranger = decodeCertificate(makeTestKey('p256').certificate)

const withSigner = (change: Partial<SignerInfo>): SignedData => ({
  ...good,
  signers: [{ ...signer, ...change }],
})
const algorithm = (oid: string) => ({ oid, parameters: 'null' as const })
const keyIdentifier = { kind: 'subject-key-id', keyIdentifier: Uint8Array.of(1) } as const
const SHA512 = algorithm('2.16.840.1.101.3.4.2.3')
const MD5 = algorithm('1.2.840.113549.2.5')

describe('Linux', () => {
  const cases: readonly (readonly [string, SignedData, string | undefined, string])[] = [
    ['a message of ours', good, undefined, ''],
    ['a message without certificate', { ...good, certificates: [] }, undefined, ''],
    ['version 2', { ...good, version: 2 }, 'EINVAL', 'version 2'],
    ['another content type', { ...good, contentType: '1.2.3' }, 'EINVAL', 'not data'],
    ['attached content', { ...good, detached: false }, 'EBADMSG', 'inside the message'],
    ['no signer', { ...good, signers: [] }, 'ENOPKG', 'no signer'],
    ['a signer of version 2', withSigner({ version: 2 }), 'EINVAL', 'version 2'],
    [
      'a signer of version 3 in version 1',
      withSigner({ version: 3, identifier: keyIdentifier }),
      'EBADMSG',
      'signed data of version 1',
    ],
    [
      'key identifiers in version 3',
      { ...withSigner({ version: 3, identifier: keyIdentifier }), version: 3 },
      undefined,
      '',
    ],
    [
      'issuer and serial number in version 3',
      { ...withSigner({ version: 3 }), version: 3 },
      'ENOKEY',
      'named by issuer-and-serial',
    ],
    ['a key identifier in version 1', withSigner({ identifier: keyIdentifier }), 'ENOKEY', 'named'],
    [
      'the algorithm pkijs would write',
      withSigner({ signatureAlgorithm: algorithm('1.2.840.113549.1.1.11') }),
      'ENOPKG',
      'sha256WithRSAEncryption',
    ],
    [
      'RSA-PSS',
      withSigner({ signatureAlgorithm: algorithm('1.2.840.113549.1.1.10') }),
      'ENOPKG',
      'RSASSA-PSS',
    ],
    ['Ed25519', withSigner({ signatureAlgorithm: algorithm('1.3.101.112') }), 'ENOPKG', 'Ed25519'],
    ['ECDSA', withSigner({ signatureAlgorithm: algorithm('1.2.840.10045.4.3.2') }), undefined, ''],
    ['SHA-512', withSigner({ digestAlgorithm: SHA512 }), undefined, ''],
    ['MD5', withSigner({ digestAlgorithm: MD5 }), 'ENOPKG', 'digest 1.2.840.113549.2.5'],
    [
      'attributes without a digest',
      withSigner({ signedAttributes: { der: new Uint8Array(), contentType: '1.2.3' } }),
      'EBADMSG',
      'attributes',
    ],
    [
      'complete attributes',
      withSigner({
        signedAttributes: {
          der: new Uint8Array(),
          contentType: '1.2.3',
          messageDigest: new Uint8Array(32),
        },
      }),
      undefined,
      '',
    ],
    [
      'an embedded certificate that is none',
      { ...good, certificates: [Uint8Array.of(0x30, 0)] },
      'EBADMSG',
      'an embedded certificate is refused',
    ],
    [
      'an embedded certificate with CA:FALSE spelled out',
      { ...good, certificates: [vector.certificate, withExplicitFalse()] },
      'EBADMSG',
      'spell out CA:FALSE',
    ],
  ]
  test.each(cases)('on %s', (_, message, error, reason) => {
    const objection = findKernelObjection(message)
    expect(objection?.error).toBe(error)
    if (objection) expect(objection.reason).toContain(reason)
  })
})

describe('systemd', () => {
  const trusted = [stranger, certificate]
  const cases: readonly (readonly [string, SignedData, string | undefined])[] = [
    ['a message of ours', good, undefined],
    ['a message without certificate', { ...good, certificates: [] }, undefined],
    ['attached content, which OpenSSL lets pass', { ...good, detached: false }, undefined],
    ['no signer', { ...good, signers: [] }, 'no signer'],
    ['a key identifier', withSigner({ identifier: keyIdentifier }), 'PKCS#7 does not know'],
    ['an unknown digest', withSigner({ digestAlgorithm: MD5 }), 'is unknown'],
    ['a digest the message does not list', withSigner({ digestAlgorithm: SHA512 }), 'not among'],
    [
      'a second signer nobody trusts',
      {
        ...good,
        signers: [
          signer,
          {
            ...signer,
            identifier: {
              kind: 'issuer-and-serial',
              issuer: certificate.issuer.der,
              serial: Uint8Array.of(2, 1, 9),
            },
          },
        ],
      },
      'serial number 09',
    ],
  ]
  test.each(cases)('on %s', (_, message, reason) => {
    const objection = findUserspaceObjection(message, trusted)
    if (reason === undefined) expect(objection).toBeUndefined()
    else expect(objection?.reason).toContain(reason)
  })

  test('the embedded certificate does not help: it must be installed', () => {
    expect(findUserspaceObjection(good, [stranger])?.reason).toBe(
      "no certificate has the signer's issuer and serial number 00ff80",
    )
  })

  test('an installed RSA-PSS certificate cannot verify', () => {
    const publicKey = {
      ...certificate.publicKey,
      restrictedToPss: true,
    } as typeof certificate.publicKey
    const objection = findUserspaceObjection(good, [{ ...certificate, publicKey }])
    expect(objection?.reason).toContain('RSA-PSS 2048')
  })
})

describe('our own shape', () => {
  const cases: readonly (readonly [string, SignedData, readonly string[]])[] = [
    ['another version', { ...good, version: 3 }, ['version']],
    [
      'two digests',
      { ...good, digestAlgorithms: [SHA512, SHA512] },
      ['digest algorithms', 'digest algorithm', 'digest algorithm'],
    ],
    ['content', { ...good, detached: false, contentType: '1.2.3' }, ['content type', 'content']],
    [
      'a chain',
      { ...good, certificates: [vector.certificate, vector.certificate] },
      ['certificates'],
    ],
    ['revocation lists', { ...good, hasRevocationLists: true }, ['revocation lists']],
    ['bytes after the end', { ...good, trailingBytes: 1 }, ['bytes after the end']],
    ['unsigned attributes', withSigner({ hasUnsignedAttributes: true }), ['unsigned attributes']],
    [
      'ECDSA with parameters',
      withSigner({ signatureAlgorithm: algorithm('1.2.840.10045.4.3.2') }),
      ['signature algorithm'],
    ],
    [
      'RSA without parameters',
      withSigner({ signatureAlgorithm: { oid: '1.2.840.113549.1.1.1', parameters: 'absent' } }),
      ['signature algorithm'],
    ],
    [
      'a CMS signer',
      withSigner({ version: 3, identifier: keyIdentifier }),
      ['signer version', 'signer identifier'],
    ],
  ]
  test.each(cases)('differs by %s', (_, message, fields) => {
    expect(findDeviations(message).map(({ field }) => field)).toEqual(fields)
  })

  test('a deviation says what was expected and what was found', () => {
    const weak = withSigner({ signatureAlgorithm: algorithm('1.2.840.113549.1.1.11') })
    expect(findDeviations(weak)).toEqual([
      {
        field: 'signature algorithm',
        expected: 'rsaEncryption, NULL or ecdsa-with-SHA256',
        found: 'sha256WithRSAEncryption, NULL',
      },
    ])
  })
})

/** A certificate with basic constraints `SEQUENCE { BOOLEAN FALSE }`. */
function withExplicitFalse(): Uint8Array {
  const BASIC_CONSTRAINTS_VALUE = [0, 7, 0, 0, 2]
  const valueHex = Uint8Array.of(0x30, 0x03, 0x01, 0x01, 0x00).buffer
  const value = new asn1js.OctetString({ valueHex })
  return editDer(makeTestKey('p256').certificate, BASIC_CONSTRAINTS_VALUE, value)
}
