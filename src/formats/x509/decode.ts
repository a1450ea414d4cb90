/** X.509 certificates (RFC 5280 §4.1) as values: the fields that decide whether anyone accepts them. */

import { readDer, Tag } from './der.ts'
import {
  bad,
  Fields,
  readAlgorithm,
  readBitString,
  readExplicit,
  readSerial,
  readSmallInteger,
} from './der-values.ts'
import { type Extensions, readExtensions } from './extensions.ts'
import { type DistinguishedName, readName } from './name.ts'
import { type PublicKey, readPublicKey } from './public-key.ts'
import { readTime } from './time.ts'

/** A certificate, its bytes shared with the input. Nothing in it has been verified. */
export interface Certificate {
  readonly der: Uint8Array
  /** 1, 2 or 3; the encoding says one less. */
  readonly version: number
  /** Two's complement bytes of the serial number. */
  readonly serial: Uint8Array
  /** The serial number as the INTEGER that is copied into a SignerInfo. */
  readonly serialDer: Uint8Array
  /** Object identifier of the algorithm with which the issuer signed. */
  readonly signatureAlgorithm: string
  readonly issuer: DistinguishedName
  readonly subject: DistinguishedName
  readonly notBefore: Date
  readonly notAfter: Date
  readonly publicKey: PublicKey
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKeyDer: Uint8Array
  readonly extensions: Extensions
}

/**
 * Reads a certificate.
 *
 * @throws FormatError where it is not one certificate in DER and nothing else.
 */
export function decodeCertificate(der: Uint8Array): Certificate {
  const outer = new Fields(readDer('x509', der), 'certificate')
  const tbs = new Fields(outer.next('content'), 'certificate content')
  const outerAlgorithm = outer.next('signature algorithm')
  const signatureAlgorithm = readAlgorithm(outerAlgorithm, 'signature algorithm').oid
  readBitString(outer.next('signature'), 'signature')
  outer.end()

  const versionField = tbs.optional(0xa0)
  const version = versionField
    ? readSmallInteger(readExplicit(versionField, 'version'), 'version') + 1
    : 1
  if (versionField && (version < 2 || version > 3)) {
    throw bad(versionField, `certificate version ${version}`)
  }
  const serialField = tbs.next('serial number', Tag.integer)
  const serial = readSerial(serialField, 'serial number')
  const innerAlgorithm = tbs.next('signature algorithm')
  if (readAlgorithm(innerAlgorithm, 'signature algorithm').oid !== signatureAlgorithm) {
    throw bad(innerAlgorithm, 'the two signature algorithms differ')
  }
  const issuer = readName(tbs.next('issuer'), 'issuer')
  const validity = new Fields(tbs.next('validity'), 'validity')
  const notBefore = readTime(validity.next('start'), 'start of validity')
  const notAfter = readTime(validity.next('end'), 'end of validity')
  validity.end()
  const subject = readName(tbs.next('subject'), 'subject')
  const publicKeyField = tbs.next('public key')
  tbs.optional(0x81) // issuerUniqueID
  tbs.optional(0x82) // subjectUniqueID
  const extensionsField = tbs.optional(0xa3)
  tbs.end()

  return {
    der,
    version,
    serial,
    serialDer: serialField.raw,
    signatureAlgorithm,
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey: readPublicKey(publicKeyField),
    publicKeyDer: publicKeyField.raw,
    extensions: extensionsField
      ? readExtensions(readExplicit(extensionsField, 'extensions'))
      : { present: [] },
  }
}
