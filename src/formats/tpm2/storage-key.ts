/**
 * Storage keys: the parents of sealed objects. The storage root key (SRK), and the primary key
 * systemd made for credentials before it used the SRK.
 *
 * See TCG TPM v2.0 Provisioning Guidance §7.8; systemd src/shared/tpm2-util.c (the two templates).
 * Attributes take part in key derivation: one TPM has a different key for each template.
 */

import { type EcCurve, fieldSize, isOnCurve } from '../../crypto/ecdh.ts'
import { FormatError } from '../../errors.ts'
import { Algorithm, Attribute } from './constants.ts'
import {
  decodePublicArea,
  type EccArea,
  encodePublicArea,
  objectName,
  type PublicArea,
  type RsaArea,
  type Symmetric,
} from './public-area.ts'
import { looksLikePem, parseSubjectKey } from './subject-key.ts'
import { FORMAT } from './wire.ts'

/** Which of the keys every machine can make this is, told from its attributes. */
export type StorageKeyTemplate = 'srk' | 'legacy' | 'other'

/** The public part of a storage key. */
export interface StoragePublicKey {
  readonly algorithm: 'ecc' | 'rsa'
  /** 34 bytes: 000b and the SHA-256 of the public area. */
  readonly name: Uint8Array
  /** The public area with its size in front, as `systemd-analyze srk` writes it. */
  readonly tpm2bPublic: Uint8Array
  readonly template: StorageKeyTemplate
  readonly area: EccArea | RsaArea
}

const STORAGE = Attribute.restricted | Attribute.decrypt
const PRIMARY =
  STORAGE |
  Attribute.fixedTpm |
  Attribute.fixedParent |
  Attribute.sensitiveDataOrigin |
  Attribute.userWithAuth
/** 0x30472 and 0x30072. */
const TEMPLATE_ATTRIBUTES = {
  srk: PRIMARY | Attribute.noDictionaryAttackProtection,
  legacy: PRIMARY,
} as const

const AES_128_CFB: Symmetric = { algorithm: Algorithm.aes, keyBits: 128, mode: Algorithm.cfb }

/** TPM_ECC_CURVE, part 2 §6.4. */
const CURVES: ReadonlyMap<number, EcCurve> = new Map([
  [0x0003, 'p256'],
  [0x0004, 'p384'],
  [0x0005, 'p521'],
])
const P256 = 0x0003
const RSA_BITS = [2048, 3072, 4096]

/**
 * Reads a storage key: a TPM2B_PUBLIC, or the PEM of a storage root key, whose template is then
 * the SRK's.
 *
 * @throws FormatError where it is no key, or a key under which nothing can be sealed.
 */
export function parseStorageKey(bytes: Uint8Array): StoragePublicKey {
  const area = looksLikePem(bytes) ? areaOfPem(bytes) : decodePublicArea(bytes)
  return storageKeyOf(area)
}

/** The key of a public area. @throws FormatError where nothing can be sealed under it. */
export function storageKeyOf(area: PublicArea): StoragePublicKey {
  if (area.type === Algorithm.keyedHash) throw unsuitable('it is a sealed object, not a key')
  const name = objectName(area)
  const problem = findUnsuitability(area)
  if (problem !== undefined) throw unsuitable(problem)
  return {
    algorithm: area.type === Algorithm.ecc ? 'ecc' : 'rsa',
    name,
    tpm2bPublic: encodePublicArea(area),
    template: templateOf(area.attributes),
    area,
  }
}

/** The public area from which a TPM makes the primary key of a template. */
export function storageKeyTemplate(
  template: 'srk' | 'legacy',
  algorithm: 'ecc' | 'rsa',
): EccArea | RsaArea {
  const attributes = TEMPLATE_ATTRIBUTES[template]
  const empty = new Uint8Array()
  return algorithm === 'ecc' ? eccArea(attributes, P256, empty, empty) : rsaArea(attributes, empty)
}

/** The curve of an EC storage key. */
export function curveOf(area: EccArea): EcCurve {
  const curve = CURVES.get(area.curve)
  if (curve) return curve
  throw new FormatError(
    FORMAT,
    'UNSUPPORTED',
    `curve 0x${area.curve.toString(16)} of a storage key`,
  )
}

/** The exponent of an RSA key: zero stands for the usual one. */
export function exponentOf(area: RsaArea): number {
  return area.exponent === 0 ? 65537 : area.exponent
}

function findUnsuitability(area: EccArea | RsaArea): string | undefined {
  const { attributes, symmetric } = area
  if ((attributes & STORAGE) !== STORAGE || (attributes & Attribute.sign) !== 0) {
    return `attributes 0x${attributes.toString(16).padStart(8, '0')} are not those of a storage key`
  }
  if (!('mode' in symmetric) || symmetric.algorithm !== Algorithm.aes)
    return 'its cipher is not AES'
  if (symmetric.mode !== Algorithm.cfb) return 'its cipher is not in CFB mode'
  if (![128, 192, 256].includes(symmetric.keyBits)) return `AES has no ${symmetric.keyBits} bits`
  return area.type === Algorithm.ecc ? findEccProblem(area) : findRsaProblem(area)
}

function findEccProblem(area: EccArea): string | undefined {
  const curve = CURVES.get(area.curve)
  if (!curve) return `curve 0x${area.curve.toString(16)} is not P-256, P-384 or P-521`
  const size = fieldSize(curve)
  if (area.x.length !== size || area.y.length !== size)
    return `its point has not ${size} bytes twice`
  // On another curve the agreed secret would be easy to guess.
  return isOnCurve(curve, area) ? undefined : 'its point is not on its curve'
}

function findRsaProblem(area: RsaArea): string | undefined {
  const { keyBits, modulus } = area
  if (!RSA_BITS.includes(keyBits)) return `RSA of ${keyBits} bits`
  if (exponentOf(area) !== 65537) return `RSA exponent ${area.exponent}`
  if (modulus.length * 8 !== keyBits || modulus[0]! < 0x80 || modulus.at(-1)! % 2 === 0) {
    return `its modulus is not an odd number of ${keyBits} bits`
  }
  return undefined
}

function unsuitable(reason: string): FormatError {
  return new FormatError(FORMAT, 'UNSUPPORTED', `nothing can be sealed under this: ${reason}`, {
    hint: 'a storage key is written by systemd-analyze srk, or by tpm2_readpublic -o',
  })
}

function templateOf(attributes: number): StorageKeyTemplate {
  if (attributes === TEMPLATE_ATTRIBUTES.srk) return 'srk'
  return attributes === TEMPLATE_ATTRIBUTES.legacy ? 'legacy' : 'other'
}

/** PEM knows nothing of templates: what is published as PEM is the SRK. */
function areaOfPem(pem: Uint8Array): EccArea | RsaArea {
  const key = parseSubjectKey(pem)
  const attributes = TEMPLATE_ATTRIBUTES.srk
  if (key.kind === 'ec') {
    const curve = [...CURVES].find(([, name]) => name === key.curve)?.[0] ?? P256
    return eccArea(attributes, curve, key.x, key.y)
  }
  if (key.exponent !== 65537) throw unsuitable(`RSA exponent ${key.exponent}`)
  return rsaArea(attributes, key.modulus)
}

function eccArea(attributes: number, curve: number, x: Uint8Array, y: Uint8Array): EccArea {
  const none = Algorithm.null
  const common = { nameAlgorithm: Algorithm.sha256, attributes, authPolicy: new Uint8Array() }
  const scheme = { symmetric: AES_128_CFB, scheme: none, derivation: none }
  return { type: Algorithm.ecc, ...common, ...scheme, curve, x, y }
}

function rsaArea(attributes: number, modulus: Uint8Array): RsaArea {
  const common = { nameAlgorithm: Algorithm.sha256, attributes, authPolicy: new Uint8Array() }
  const scheme = { symmetric: AES_128_CFB, scheme: Algorithm.null }
  const keyBits = modulus.length === 0 ? 2048 : modulus.length * 8
  return { type: Algorithm.rsa, ...common, ...scheme, keyBits, exponent: 0, modulus }
}
