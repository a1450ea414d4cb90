import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/bytes/hex.ts'
import { FormatError } from '../../../src/errors.ts'
import { decodeCertificate } from '../../../src/formats/x509/decode.ts'
import { encodeTbsCertificate } from '../../../src/formats/x509/encode.ts'
import { findKernelCertificateObjection } from '../../../src/formats/x509/kernel.ts'
import { describePublicKey } from '../../../src/formats/x509/public-key.ts'
import { makeTestKey } from '../../keys/test-keys.ts'
import { readVector } from '../pkcs7/vectors.ts'

const rsa = makeTestKey('rsa2048')
const p384 = makeTestKey('p384')

describe('reading', () => {
  test('a certificate of openssl gives its fields', () => {
    const certificate = decodeCertificate(readVector('rsa').certificate)
    expect({
      version: certificate.version,
      serial: toHex(certificate.serial),
      serialDer: toHex(certificate.serialDer),
      issuer: certificate.issuer.text,
      subject: certificate.subject.text,
      key: describePublicKey(certificate.publicKey),
      signature: certificate.signatureAlgorithm,
      extensions: certificate.extensions,
    }).toEqual({
      version: 1,
      serial: '00ff80',
      serialDer: '020300ff80',
      issuer: 'C=DE, O=Über & Söhne, CN=TEST-DO-NOT-USE vector',
      subject: 'C=DE, O=Über & Söhne, CN=TEST-DO-NOT-USE vector',
      key: 'RSA 2048',
      signature: '1.2.840.113549.1.1.11',
      extensions: { present: [] },
    })
  })

  test('a certificate of openssl gives its extensions', () => {
    const { version, publicKey, extensions } = decodeCertificate(readVector('ec').certificate)
    const identifier = fromHex('0fcae0db24162ab9cfb3b4cb5a97745e426654ea')
    expect({ version, publicKey, extensions }).toEqual({
      version: 3,
      publicKey: { kind: 'ec', curve: 'p256' },
      extensions: {
        basicConstraints: { critical: true, certificateAuthority: true, explicitFalse: false },
        subjectKeyIdentifier: identifier,
        authorityKeyIdentifier: identifier,
        present: ['2.5.29.14', '2.5.29.35', '2.5.29.19'],
      },
    })
  })

  test('what we write is what we read', () => {
    const certificate = decodeCertificate(p384.certificate)
    expect(certificate).toMatchObject({
      version: 3,
      issuer: { text: 'CN=TEST-DO-NOT-USE p384' },
      notBefore: new Date('2026-01-01T00:00:00Z'),
      notAfter: new Date('2036-01-01T00:00:00Z'),
      publicKey: { kind: 'ec', curve: 'p384' },
      extensions: {
        basicConstraints: { critical: true, certificateAuthority: false, explicitFalse: false },
        keyUsage: { critical: true, usages: ['digitalSignature'] },
        present: ['2.5.29.19', '2.5.29.15', '2.5.29.14', '2.5.29.35'],
      },
    })
    expect(certificate.serial.length).toBe(16)
    expect(certificate.extensions.subjectKeyIdentifier?.length).toBe(20)
  })

  test('names cannot move the cursor or pose as other fields', () => {
    const { certificate } = makeTestKey('p256', { commonName: 'a\u001b[2J, CN=b\u202e' })
    expect(decodeCertificate(certificate).subject.text).toBe('CN=a\\u{1b}[2J\\, CN\\=b\\u{202e}')
  })

  test('a flipped bit gives a value or a FormatError, never anything else', () => {
    fc.assert(
      fc.property(
        fc.nat(rsa.certificate.length * 8 - 1),
        fc.nat(rsa.certificate.length * 8 - 1),
        (first, second) => {
          const bytes = Uint8Array.from(rsa.certificate)
          for (const bit of [first, second]) bytes[bit >> 3]! ^= 1 << (bit & 7)
          decodeOrFormatError(bytes)
        },
      ),
      { numRuns: 3000 },
    )
  })

  test('a certificate cut anywhere is refused', () => {
    for (let size = 0; size < p384.certificate.length; size++) {
      expect(() => decodeCertificate(p384.certificate.subarray(0, size))).toThrow(FormatError)
    }
  })

  test('bytes after the certificate are refused', () => {
    const longer = Uint8Array.from([...p384.certificate, 0])
    expect(() => decodeCertificate(longer)).toThrow('x509: 1 bytes follow the end')
  })
})

describe('writing', () => {
  test('OpenSSL verifies the certificate with its own key', () => {
    for (const { key, certificate } of [rsa, p384]) {
      const parsed = new X509Certificate(certificate)
      expect(parsed.checkPrivateKey(key)).toBe(true)
      expect(parsed.verify(parsed.publicKey)).toBe(true)
      expect(parsed.ca).toBe(false)
    }
  })

  test('CA:FALSE is an empty sequence, as Linux demands', () => {
    expect(toHex(rsa.certificate)).toContain('0603551d130101ff04023000')
    expect(findKernelCertificateObjection(decodeCertificate(rsa.certificate))).toBeUndefined()
  })

  test('the serial number is positive and 16 bytes long whatever was drawn', () => {
    for (const byte of [0x00, 0x3f, 0x7f, 0x80, 0xff]) {
      const { certificate } = makeTestKey('p256', { serial: new Uint8Array(16).fill(byte) })
      const { serial } = decodeCertificate(certificate)
      expect(serial.length).toBe(16)
      expect(serial[0]! & 0xc0).toBe(0x40)
    }
  })

  const validities = [
    ['2049-12-31T23:59:59.999Z', '2049-12-31T23:59:59.000Z', '170d3439313233313233353935395a'],
    ['2050-01-01T00:00:00.000Z', '2050-01-01T00:00:00.000Z', '180f32303530303130313030303030305a'],
  ] as const
  test.each(validities)(
    'an end at %s is written in the form its year demands',
    (end, read, hex) => {
      const { certificate } = makeTestKey('p256', { notAfter: new Date(end) })
      expect(decodeCertificate(certificate).notAfter.toISOString()).toBe(read)
      expect(toHex(certificate)).toContain(hex)
    },
  )

  const refused = [
    ['an empty name', { commonName: '' }],
    ['a name of 65 characters', { commonName: 'x'.repeat(65) }],
    ['a serial number of 15 bytes', { serial: new Uint8Array(15) }],
    ['validity that ends when it starts', { notAfter: new Date('2026-01-01T00:00:00Z') }],
    ['a date that is none', { notBefore: new Date(Number.NaN) }],
    ['the year 10000', { notAfter: new Date('+010000-01-01T00:00:00Z') }],
  ] as const
  test.each(refused)('refuses %s', (_, content) => {
    const { publicKeyDer } = decodeCertificate(rsa.certificate)
    const full = {
      commonName: 'x',
      serial: new Uint8Array(16),
      notBefore: new Date('2026-01-01T00:00:00Z'),
      notAfter: new Date('2027-01-01T00:00:00Z'),
      publicKeyDer,
      ...content,
    }
    expect(() => encodeTbsCertificate(full)).toThrow(RangeError)
  })
})

describe('what Linux says', () => {
  const good = decodeCertificate(rsa.certificate)
  const rsaKey = (bits: number, restrictedToPss = false) =>
    ({ kind: 'rsa', bits, exponent: 65537, restrictedToPss }) as const
  const cases = [
    ['our certificates', {}, undefined],
    ['RSA 4096', { publicKey: rsaKey(4096) }, undefined],
    ['a modulus with a few leading zeros', { publicKey: rsaKey(2045) }, undefined],
    ['RSA 1024', { publicKey: rsaKey(1024) }, undefined],
    ['RSA 2560', { publicKey: rsaKey(2560) }, 'RSA keys of 2560 bits'],
    ['RSA 8192', { publicKey: rsaKey(8192) }, 'RSA keys of 8192 bits'],
    ['an RSA-PSS key', { publicKey: rsaKey(2048, true) }, 'no use for RSA-PSS 2048 keys'],
    ['P-521', { publicKey: { kind: 'ec', curve: 'p521' } }, undefined],
    ['secp256k1', { publicKey: { kind: 'ec', curve: 'secp256k1' } }, 'no use for EC secp256k1'],
    ['Ed25519', { publicKey: { kind: 'other', name: 'Ed25519' } }, 'no use for Ed25519 keys'],
    ['a signature with RSA-PSS', { signatureAlgorithm: '1.2.840.113549.1.1.10' }, 'RSASSA-PSS'],
    ['a signature with Ed25519', { signatureAlgorithm: '1.3.101.112' }, 'signed with Ed25519'],
    ['a signature with MD5', { signatureAlgorithm: '1.2.840.113549.1.1.4' }, 'md5WithRSA'],
    [
      'CA:FALSE spelled out',
      {
        extensions: {
          present: [],
          basicConstraints: { critical: true, certificateAuthority: false, explicitFalse: true },
        },
      },
      'spell out CA:FALSE',
    ],
  ] as const
  test.each(cases)('to %s', (_, change, expected) => {
    const objection = findKernelCertificateObjection({ ...good, ...change })
    if (expected === undefined) expect(objection).toBeUndefined()
    else expect(objection).toContain(expected)
  })
})

function decodeOrFormatError(bytes: Uint8Array): void {
  try {
    expect(decodeCertificate(bytes).der).toBe(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError)
  }
}
