/** Raw signatures as they come from tokens, services and other people, checked and put into one form. */

import { encodeEcdsaSignature } from '../formats/ecdsa-signature.ts'
import type { Certificate } from '../formats/x509/decode.ts'
import { isSignatureValid } from './verify-signature.ts'

/** Bytes of `r` and of `s`, by curve. */
const NUMBER_SIZES: ReadonlyMap<string, number> = new Map([
  ['p256', 32],
  ['p384', 48],
  ['p521', 66],
])

/**
 * `signature` as RSASSA-PKCS1-v1_5 or DER ECDSA-Sig-Value, or undefined where it is not one by the
 * key of this certificate over `payload`. EC signatures may come as `r` and `s` back to back.
 */
export function findValidSignature(
  certificate: Certificate,
  digest: string,
  payload: Uint8Array,
  signature: Uint8Array,
): Uint8Array | undefined {
  const { publicKey } = certificate
  const forms = [signature]
  if (
    publicKey.kind === 'ec' &&
    signature.length === 2 * (NUMBER_SIZES.get(publicKey.curve) ?? 0)
  ) {
    forms.push(encodeEcdsaSignature(signature))
  }
  return forms.find((form) => isSignatureValid(certificate, digest, payload, form))
}
