/**
 * Self-signed certificates for signing keys, in two steps so that the key can be anywhere: what
 * must be signed, then the signed thing. Imports pkijs: load this module only where it is needed.
 *
 * The contents are the ones every reader takes: version 3, CA:FALSE as an empty SEQUENCE because
 * Linux refuses a spelled-out FALSE, digitalSignature, key identifiers, SHA-256.
 */

import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { sha256 } from '../../crypto/sha256.ts'
import { readDer } from './der.ts'
import { Fields, readBitString } from './der-values.ts'
import { Oid } from './oids.ts'
import { readPublicKey } from './public-key.ts'
import { GENERALIZED_TIME_FROM } from './time.ts'

/** Everything a self-signed certificate says. */
export interface CertificateContent {
  readonly commonName: string
  /** 16 random bytes; the top bits are changed so that the number is positive and its size fixed. */
  readonly serial: Uint8Array
  readonly notBefore: Date
  readonly notAfter: Date
  /** SubjectPublicKeyInfo in DER: RSA, or EC on a named curve. */
  readonly publicKeyDer: Uint8Array
}

/** Longest common name, RFC 5280 appendix A.1 (ub-common-name). */
const MAX_COMMON_NAME = 64

/**
 * The TBSCertificate, which the key signs with SHA-256.
 *
 * @throws RangeError where the name is empty or too long, the serial not 16 bytes, or the
 * validity ends before it starts.
 */
export function encodeTbsCertificate(content: CertificateContent): Uint8Array {
  return new Uint8Array(describe(content).encodeTBS().toBER())
}

/**
 * The certificate: `content` again, and the signature over its {@link encodeTbsCertificate}
 * (RSASSA-PKCS1-v1_5, or a DER ECDSA-Sig-Value).
 */
export function encodeCertificate(content: CertificateContent, signature: Uint8Array): Uint8Array {
  const certificate = describe(content)
  certificate.signatureAlgorithm = certificate.signature
  certificate.signatureValue = new asn1js.BitString({ valueHex: owned(signature) })
  return new Uint8Array(certificate.toSchema(true).toBER())
}

function describe(content: CertificateContent): pkijs.Certificate {
  assertContent(content)
  const name = new pkijs.RelativeDistinguishedNames({
    typesAndValues: [
      new pkijs.AttributeTypeAndValue({
        type: Oid.commonName,
        value: new asn1js.Utf8String({ value: content.commonName }),
      }),
    ],
  })
  return new pkijs.Certificate({
    version: 2,
    serialNumber: new asn1js.Integer({ valueHex: owned(positive(content.serial)) }),
    signature: signatureAlgorithm(content.publicKeyDer),
    issuer: name,
    notBefore: time(content.notBefore),
    notAfter: time(content.notAfter),
    subject: name,
    subjectPublicKeyInfo: pkijs.PublicKeyInfo.fromBER(owned(content.publicKeyDer)),
    extensions: extensions(content.publicKeyDer),
  })
}

function assertContent({ commonName, serial, notBefore, notAfter }: CertificateContent): void {
  const size = [...commonName].length
  if (size < 1 || size > MAX_COMMON_NAME) {
    throw new RangeError(`common name of ${size} characters, 1 to ${MAX_COMMON_NAME} are allowed`)
  }
  if (serial.length !== 16) throw new RangeError(`serial number of ${serial.length} bytes, not 16`)
  if (!(notBefore.getTime() < notAfter.getTime())) {
    throw new RangeError('validity ends before it starts')
  }
  if (notAfter.getUTCFullYear() > 9999) throw new RangeError('validity ends after the year 9999')
}

/** Positive, and never with a zero byte in front that DER would take away. */
function positive(serial: Uint8Array): Uint8Array {
  return Uint8Array.from(serial, (byte, index) => (index === 0 ? (byte & 0x3f) | 0x40 : byte))
}

function signatureAlgorithm(publicKeyDer: Uint8Array): pkijs.AlgorithmIdentifier {
  const key = readPublicKey(readDer('public key', publicKeyDer))
  if (key.kind === 'ec') return new pkijs.AlgorithmIdentifier({ algorithmId: Oid.ecdsaWithSha256 })
  return new pkijs.AlgorithmIdentifier({
    algorithmId: Oid.sha256WithRsa,
    algorithmParams: new asn1js.Null(),
  })
}

/** Whole seconds: the certificate profile knows no fractions. */
function time(date: Date): pkijs.Time {
  const value = new Date(Math.floor(date.getTime() / 1000) * 1000)
  return new pkijs.Time({ type: value.getTime() < GENERALIZED_TIME_FROM ? 0 : 1, value })
}

function extensions(publicKeyDer: Uint8Array): pkijs.Extension[] {
  const identifier = new asn1js.OctetString({ valueHex: owned(keyIdentifier(publicKeyDer)) })
  const digitalSignature = new asn1js.BitString({
    valueHex: new Uint8Array([0x80]).buffer,
    unusedBits: 7,
  })
  return [
    extension(Oid.basicConstraints, true, new asn1js.Sequence()),
    extension(Oid.keyUsage, true, digitalSignature),
    extension(Oid.subjectKeyIdentifier, false, identifier),
    extension(
      Oid.authorityKeyIdentifier,
      false,
      new pkijs.AuthorityKeyIdentifier({ keyIdentifier: identifier }).toSchema(),
    ),
  ]
}

function extension(extnID: string, critical: boolean, value: asn1js.BaseBlock): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical, extnValue: value.toBER() })
}

/** 160 bits of SHA-256 over the key's bits: RFC 7093 §2, method 1. */
function keyIdentifier(publicKeyDer: Uint8Array): Uint8Array {
  const fields = new Fields(readDer('public key', publicKeyDer), 'public key')
  fields.next('algorithm')
  return sha256(readBitString(fields.next('key'), 'public key bits').bytes).subarray(0, 20)
}

/** asn1js takes exact ArrayBuffers only. */
function owned(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
