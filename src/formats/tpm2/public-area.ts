/**
 * TPMT_PUBLIC: the public part of a key or a sealed object, and its name.
 *
 * See TPM 2.0 Library part 2 §12.2.4; part 1 §16 (names). Signing and key derivation schemes are
 * always TPM_ALG_NULL here: storage keys and keys that only verify have none.
 */

import { concat } from '../../bytes/concat.ts'
import { sha256 } from '../../crypto/sha256.ts'
import { FormatError } from '../../errors.ts'
import { Algorithm } from './constants.ts'
import {
  buffer,
  type Cursor,
  decodeWhole,
  FORMAT,
  type Infer,
  type Layout,
  only,
  record,
  sized,
  u16,
  u32,
} from './wire.ts'

/** Longest digest: SHA-512. */
const MAX_DIGEST = 64
/** RSA of 4096 bits. */
const MAX_MODULUS = 512
/** P-521. */
const MAX_COORDINATE = 66

/** A symmetric cipher, or none. */
export type Symmetric =
  | { readonly algorithm: typeof Algorithm.null }
  | { readonly algorithm: number; readonly keyBits: number; readonly mode: number }

const CipherParameters = record({ keyBits: u16, mode: u16 })

/** TPMT_SYM_DEF_OBJECT, §11.1.7. */
export const Symmetric: Layout<Symmetric> = {
  write: (value) =>
    concat(
      u16.write(value.algorithm),
      'mode' in value ? CipherParameters.write(value) : new Uint8Array(),
    ),
  read(cursor) {
    const algorithm = u16.read(cursor, 'symmetric algorithm')
    if (algorithm === Algorithm.null) return { algorithm }
    return { algorithm, ...CipherParameters.read(cursor, 'symmetric') }
  },
}

const Header = record({
  type: u16,
  nameAlgorithm: u16,
  attributes: u32, // TPMA_OBJECT
  authPolicy: buffer(MAX_DIGEST), // empty: none
})

const KeyedHash = record({
  scheme: only(u16, Algorithm.null),
  unique: buffer(MAX_DIGEST),
})

const Rsa = record({
  symmetric: Symmetric,
  scheme: only(u16, Algorithm.null),
  keyBits: u16,
  exponent: u32, // 0: 65537
  modulus: buffer(MAX_MODULUS),
})

const Ecc = record({
  symmetric: Symmetric,
  scheme: only(u16, Algorithm.null),
  curve: u16,
  derivation: only(u16, Algorithm.null),
  x: buffer(MAX_COORDINATE),
  y: buffer(MAX_COORDINATE),
})

type Kind<Type extends number, Body> = Omit<Infer<typeof Header>, 'type'> &
  Infer<Body> & { readonly type: Type }

/** A data object: what is sealed. */
export type KeyedHashArea = Kind<typeof Algorithm.keyedHash, typeof KeyedHash>
export type RsaArea = Kind<typeof Algorithm.rsa, typeof Rsa>
export type EccArea = Kind<typeof Algorithm.ecc, typeof Ecc>
export type PublicArea = KeyedHashArea | RsaArea | EccArea

export const PublicArea: Layout<PublicArea> = {
  write(value) {
    const header = Header.write(value)
    if (value.type === Algorithm.keyedHash) return concat(header, KeyedHash.write(value))
    if (value.type === Algorithm.rsa) return concat(header, Rsa.write(value))
    return concat(header, Ecc.write(value))
  },
  read(cursor, field) {
    const { offset } = cursor
    const { type, ...header } = Header.read(cursor, field)
    return readBody(cursor, type, header, offset)
  },
}

/** TPM2B_PUBLIC. */
export const SizedPublicArea = sized(PublicArea)

/**
 * Reads a TPM2B_PUBLIC that fills `bytes`.
 *
 * @throws FormatError for anything else, and for types and schemes not used here.
 */
export function decodePublicArea(bytes: Uint8Array): PublicArea {
  return decodeWhole(SizedPublicArea, bytes, 'public area')
}

/** The bytes of a TPM2B_PUBLIC. */
export function encodePublicArea(area: PublicArea): Uint8Array {
  return SizedPublicArea.write(area)
}

/**
 * The name of an object: the algorithm and the digest of its public area, 34 bytes.
 *
 * @throws FormatError UNSUPPORTED where the object is named with another hash than SHA-256.
 */
export function objectName(area: PublicArea): Uint8Array {
  if (area.nameAlgorithm !== Algorithm.sha256) {
    const found = `0x${area.nameAlgorithm.toString(16).padStart(4, '0')}`
    throw new FormatError(FORMAT, 'UNSUPPORTED', `name algorithm ${found} is not SHA-256`)
  }
  return concat(u16.write(area.nameAlgorithm), sha256(PublicArea.write(area)))
}

function readBody(
  cursor: Cursor,
  type: number,
  header: Omit<Infer<typeof Header>, 'type'>,
  offset: number,
): PublicArea {
  switch (type) {
    case Algorithm.keyedHash:
      return { ...header, type, ...KeyedHash.read(cursor, 'data object') }
    case Algorithm.rsa:
      return { ...header, type, ...Rsa.read(cursor, 'RSA key') }
    case Algorithm.ecc:
      return { ...header, type, ...Ecc.read(cursor, 'EC key') }
    default: {
      const message = `type 0x${type.toString(16).padStart(4, '0')} is no key and no sealed object`
      throw new FormatError(FORMAT, 'UNSUPPORTED', message, { offset })
    }
  }
}
