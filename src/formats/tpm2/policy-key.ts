/**
 * The key whose signatures a sealed object accepts (PolicyAuthorize), as the TPM knows it.
 *
 * See systemd src/shared/tpm2-util.c (the template). Only RSA: whoever unseals presents every
 * signature as RSASSA with SHA-256, so an EC key would lock a secret away for good.
 */

import { sha256 } from '../../crypto/sha256.ts'
import { FormatError } from '../../errors.ts'
import { Algorithm, Attribute } from './constants.ts'
import { encodePublicArea, objectName, type RsaArea } from './public-area.ts'
import { parseSubjectKey } from './subject-key.ts'

/** A key that may authorize policies. */
export interface PolicyKey {
  readonly area: RsaArea
  /** TPM2B_PUBLIC. */
  readonly tpm2bPublic: Uint8Array
  /** 34 bytes. */
  readonly name: Uint8Array
  /** `pkfp` of the signature JSON: SHA-256 of the PKCS#1 RSAPublicKey, 32 bytes. */
  readonly fingerprint: Uint8Array
}

export interface PolicyKeyOptions {
  /** systemd 255.0 to 255.2 wrote zero for the exponent, which gives another name. */
  readonly zeroExponent?: boolean
}

/** What TPMs load; 2048 is what all of them do. */
const BITS = [2048, 3072, 4096]

/**
 * Reads a public key in PEM.
 *
 * @throws FormatError where it is no public key, not RSA, or of a size or exponent TPMs do not take.
 */
export function parsePolicyKey(pem: Uint8Array, options: PolicyKeyOptions = {}): PolicyKey {
  const key = parseSubjectKey(pem)
  if (key.kind !== 'rsa') {
    throw unsupported(
      `${key.curve} keys never unlock anything: a TPM is given every signature as RSA`,
    )
  }
  const bits = key.modulus.length * 8 - Math.clz32(key.modulus[0]!) + 24
  if (!BITS.includes(bits)) throw unsupported(`RSA of ${bits} bits, TPMs take ${BITS.join(', ')}`)
  if (key.exponent !== 65537) throw unsupported(`RSA exponent ${key.exponent}, TPMs take 65537`)
  const area: RsaArea = {
    type: Algorithm.rsa,
    nameAlgorithm: Algorithm.sha256,
    attributes: Attribute.sign | Attribute.decrypt | Attribute.userWithAuth,
    authPolicy: new Uint8Array(),
    symmetric: { algorithm: Algorithm.null },
    scheme: Algorithm.null,
    keyBits: bits,
    exponent: options.zeroExponent ? 0 : key.exponent,
    modulus: key.modulus,
  }
  return {
    area,
    tpm2bPublic: encodePublicArea(area),
    name: objectName(area),
    fingerprint: sha256(key.pkcs1),
  }
}

function unsupported(message: string): FormatError {
  return new FormatError('public key', 'UNSUPPORTED', message, {
    hint: 'use an RSA key of 2048 bits for signed PCR policies',
  })
}
