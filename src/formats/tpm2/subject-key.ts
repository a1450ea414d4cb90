/** A public key in PEM (SubjectPublicKeyInfo, RFC 5280 §4.1.2.7) with the numbers a TPM wants. */

import type { EcCurve, EcPoint } from '../../crypto/ecdh.ts'
import type { RsaPublicKey } from '../../crypto/rsa-oaep.ts'
import { FormatError } from '../../errors.ts'
import { type Element, readDer } from '../x509/der.ts'
import {
  bad,
  Fields,
  readAlgorithm,
  readBitString,
  readInteger,
  readOid,
} from '../x509/der-values.ts'
import { CURVES, nameOfOid, Oid } from '../x509/oids.ts'
import { parsePem } from '../x509/pem.ts'

/** An RSA or EC public key by its numbers. Whether a point is on its curve is not looked at. */
export type SubjectKey =
  /** `pkcs1` is the RSAPublicKey of RFC 8017 appendix A.1.1, DER. */
  | ({ readonly kind: 'rsa'; readonly pkcs1: Uint8Array } & RsaPublicKey)
  | ({ readonly kind: 'ec'; readonly curve: EcCurve } & EcPoint)

const FORMAT = 'public key'
const UNCOMPRESSED = 0x04

/** Whether bytes are a PEM text rather than a TPM structure. */
export function looksLikePem(bytes: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(bytes.subarray(0, 4096)).includes('-----BEGIN ')
}

/**
 * Reads the first `PUBLIC KEY` block of a PEM text.
 *
 * @throws FormatError where there is none, or the key is neither RSA nor on a NIST curve.
 */
export function parseSubjectKey(pem: Uint8Array): SubjectKey {
  const blocks = parsePem(pem)
  const block = blocks.find(({ label }) => label === 'PUBLIC KEY')
  if (block) return readSubjectKey(readDer(FORMAT, block.der))
  const labels = blocks.map(({ label }) => label)
  const found = labels.length > 0 ? labels.join(', ') : 'no PEM at all'
  throw new FormatError(FORMAT, 'BAD_MAGIC', `no PUBLIC KEY block, found ${found}`, {
    hint: 'openssl pkey -pubout and openssl x509 -pubkey -noout write one',
  })
}

function readSubjectKey(element: Element): SubjectKey {
  const fields = new Fields(element, FORMAT)
  const algorithm = readAlgorithm(fields.next('algorithm'), 'algorithm')
  const { bytes, unusedBits } = readBitString(fields.next('key'), 'key bits')
  fields.end()
  if (unusedBits !== 0) throw bad(element, 'key bits are not whole bytes')
  if (algorithm.oid === Oid.rsaEncryption) return readRsaKey(bytes)
  if (algorithm.oid !== Oid.ecPublicKey) {
    const message = `key of type ${algorithm.oid}, a TPM takes RSA and EC`
    throw new FormatError(FORMAT, 'UNSUPPORTED', message)
  }
  if (typeof algorithm.parameters === 'string') throw bad(element, 'EC key without a curve')
  return readEcKey(nameOfOid(CURVES, readOid(algorithm.parameters, 'curve')), bytes, element)
}

function readRsaKey(bytes: Uint8Array): SubjectKey {
  const element = readDer(FORMAT, bytes)
  const fields = new Fields(element, 'RSA key')
  const modulus = readPositive(fields.next('modulus'), 'modulus')
  const exponent = readPositive(fields.next('exponent'), 'exponent')
  fields.end()
  if (exponent.length > 4) throw bad(element, `exponent of ${exponent.length} bytes, at most 4`)
  return {
    kind: 'rsa',
    pkcs1: bytes.slice(),
    modulus,
    exponent: exponent.reduce((value, byte) => value * 256 + byte, 0),
  }
}

function readEcKey(curve: string, point: Uint8Array, element: Element): SubjectKey {
  if (curve !== 'p256' && curve !== 'p384' && curve !== 'p521') {
    throw new FormatError(FORMAT, 'UNSUPPORTED', `curve ${curve} is not P-256, P-384 or P-521`)
  }
  if (point[0] !== UNCOMPRESSED || point.length % 2 === 0) {
    throw bad(element, 'EC point is not in its uncompressed form')
  }
  const size = (point.length - 1) / 2
  return { kind: 'ec', curve, x: point.slice(1, 1 + size), y: point.slice(1 + size) }
}

/** The bytes of a positive INTEGER without the zero that keeps its sign. */
function readPositive(element: Element, what: string): Uint8Array {
  const bytes = readInteger(element, what)
  if (bytes[0]! >= 0x80 || (bytes.length === 1 && bytes[0] === 0)) {
    throw bad(element, `${what} is not positive`)
  }
  return bytes.slice(bytes[0] === 0 ? 1 : 0)
}
