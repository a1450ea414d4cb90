/** Raw signatures against the public key of a certificate, and whole messages against several. */

import { constants, createHash, createPublicKey, verify } from 'node:crypto'
import { equalBytes } from '../bytes/equal.ts'
import { findSigner, type SignedData, type SignerInfo } from '../formats/pkcs7/decode.ts'
import type { Certificate } from '../formats/x509/decode.ts'
import { DIGESTS } from '../formats/x509/oids.ts'

/**
 * Whether `signature` over `payload` was made with the key of this certificate: RSASSA-PKCS1-v1_5
 * for RSA keys, a DER ECDSA-Sig-Value for EC keys, and false for keys of any other type.
 */
export function isSignatureValid(
  certificate: Certificate,
  digest: string,
  payload: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { publicKey } = certificate
  if (publicKey.kind === 'other') return false
  if (publicKey.kind === 'rsa' && publicKey.restrictedToPss) return false
  try {
    const key = createPublicKey({
      key: Buffer.from(certificate.publicKeyDer),
      format: 'der',
      type: 'spki',
    })
    const options = { key, padding: constants.RSA_PKCS1_PADDING, dsaEncoding: 'der' as const }
    return verify(digest, payload, options, signature)
  } catch {
    // OpenSSL throws on keys it cannot use, such as a point that is not on its curve.
    return false
  }
}

/** Who signed a message, or why that cannot be said. */
export type Verification<C extends Certificate> =
  | { readonly kind: 'valid'; readonly signers: readonly C[] }
  | { readonly kind: 'unknown-signer' }
  | { readonly kind: 'bad-signature'; readonly signer: C }

/**
 * Verifies every signature of a detached message over `content`, with nothing but the given
 * certificates; embedded ones do not count. Signed attributes are honoured.
 */
export function verifySignedData<C extends Certificate>(
  message: SignedData,
  content: Uint8Array,
  certificates: readonly C[],
): Verification<C> {
  const signers: C[] = []
  for (const signer of message.signers) {
    const certificate = findSigner(signer, certificates)
    if (!certificate) return { kind: 'unknown-signer' }
    if (!isSignerInfoValid(signer, certificate, content)) {
      return { kind: 'bad-signature', signer: certificate }
    }
    signers.push(certificate)
  }
  return signers.length === 0 ? { kind: 'unknown-signer' } : { kind: 'valid', signers }
}

function isSignerInfoValid(signer: SignerInfo, certificate: Certificate, content: Uint8Array) {
  const digest = DIGESTS.get(signer.digestAlgorithm.oid)
  if (!digest) return false
  const attributes = signer.signedAttributes
  if (!attributes) return isSignatureValid(certificate, digest, content, signer.signature)
  const contentDigest = new Uint8Array(createHash(digest).update(content).digest())
  return (
    attributes.messageDigest !== undefined &&
    equalBytes(attributes.messageDigest, contentDigest) &&
    isSignatureValid(certificate, digest, attributes.der, signer.signature)
  )
}
