/** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7): which kind of key, and how large. */

import { type Element, readDer, Tag } from './der.ts'
import { bad, Fields, readAlgorithm, readBitString, readInteger, readOid } from './der-values.ts'
import { CURVES, nameOfOid, Oid, SIGNATURES } from './oids.ts'

/** A public key, as far as one must know it to choose an algorithm. */
export type PublicKey =
  /** `bits` is the size of the modulus; `restrictedToPss` where the key's own type forbids PKCS#1 v1.5. */
  | {
      readonly kind: 'rsa'
      readonly bits: number
      readonly exponent: number | undefined
      readonly restrictedToPss: boolean
    }
  /** `curve` is a name of the table of curves, else the dotted object identifier. */
  | { readonly kind: 'ec'; readonly curve: string }
  /** Anything else by name or object identifier: Ed25519, ML-DSA-65, … */
  | { readonly kind: 'other'; readonly name: string }

/** Reads a SubjectPublicKeyInfo. */
export function readPublicKey(element: Element): PublicKey {
  const fields = new Fields(element, 'public key')
  const algorithm = readAlgorithm(fields.next('algorithm'), 'public key algorithm')
  const bits = readBitString(fields.next('key'), 'public key bits')
  fields.end()

  if (algorithm.oid === Oid.rsaEncryption || algorithm.oid === Oid.rsaPss) {
    const restrictedToPss = algorithm.oid === Oid.rsaPss
    const key = new Fields(readDer(element.format, bits.bytes), 'RSA public key')
    const modulus = readInteger(key.next('modulus'), 'modulus')
    const exponent = readInteger(key.next('exponent'), 'exponent')
    key.end()
    return {
      kind: 'rsa',
      bits: bitLength(modulus),
      exponent:
        exponent.length <= 6 ? exponent.reduce((value, byte) => value * 256 + byte, 0) : undefined,
      restrictedToPss,
    }
  }
  if (algorithm.oid === Oid.ecPublicKey) {
    const { parameters } = algorithm
    if (typeof parameters === 'string') throw bad(element, 'EC public key without a curve')
    // Explicit curve parameters are a SEQUENCE; nobody in our chain of readers accepts them.
    if (parameters.tag === Tag.sequence) return { kind: 'ec', curve: 'explicit parameters' }
    return { kind: 'ec', curve: nameOfOid(CURVES, readOid(parameters, 'curve')) }
  }
  return { kind: 'other', name: nameOfOid(SIGNATURES, algorithm.oid) }
}

/** What people call the key: `RSA 4096`, `EC P-256`, `Ed25519`. */
export function describePublicKey(key: PublicKey): string {
  if (key.kind === 'rsa') return `${key.restrictedToPss ? 'RSA-PSS' : 'RSA'} ${key.bits}`
  if (key.kind === 'ec') return `EC ${key.curve.replace(/^p(?=\d)/, 'P-')}`
  return key.name
}

function bitLength(integer: Uint8Array): number {
  const start = integer.findIndex((byte) => byte !== 0)
  return start < 0 ? 0 : (integer.length - start) * 8 - Math.clz32(integer[start]!) + 24
}
