/**
 * Signing a root hash: what must be signed, the signature, the signed thing. With the key at hand
 * the three are one call; offline they are the same functions with a walk between them.
 */

import { fromHex, toHex } from '../bytes/hex.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { sha256 } from '../crypto/sha256.ts'
import { KeyError } from '../errors.ts'
import { encodeVeritySignature } from '../formats/verity-signature.ts'
import { decodeCertificate } from '../formats/x509/decode.ts'
import { describePublicKey } from '../formats/x509/public-key.ts'
import { findValidityWarning } from '../keys/certificate.ts'
import { askSigner } from '../keys/purpose.ts'
import type { SigningRequest } from '../keys/signer.ts'
import { isSignatureValid } from '../keys/verify-signature.ts'
import type { Signing } from './options.ts'

/** A signed root hash in every form somebody wants it. */
export interface RootHashSignature {
  /** The message in DER: the content of `.roothash.p7s`. */
  readonly pkcs7: Uint8Array
  /** The content of the signature partition, 16384 bytes. */
  readonly partition: Uint8Array
  /** SHA-256 of the certificate, lower-case hexadecimal. */
  readonly certificateFingerprint: string
  readonly warnings: readonly string[]
}

/** A raw signature that came back, and what it is about. */
export interface SignatureInput {
  /** 64 lower-case hexadecimal digits. */
  readonly rootHash: string
  /** RSASSA-PKCS1-v1_5 or DER ECDSA-Sig-Value over the request's payload. */
  readonly signature: Uint8Array
  /** Certificate of the key that signed, DER. */
  readonly certificate: Uint8Array
  /** Put the certificate into the message, as systemd-repart does. Default true. */
  readonly embedCertificate?: boolean | undefined
  /** The clock: with it, an expired or not yet valid certificate gives a warning. */
  readonly now?: Date | undefined
}

/**
 * What must be signed for a root hash: its 64 digits as text, without a newline.
 *
 * @param subject what the image is called, for whoever approves the signature
 * @throws TypeError where the root hash is not lower-case SHA-256.
 */
export function requestSignature(rootHash: string, subject: string): SigningRequest {
  if (!/^[0-9a-f]{64}$/.test(rootHash)) {
    throw new TypeError(`root hash ${JSON.stringify(rootHash)} is not 64 lower-case digits`)
  }
  return {
    purpose: 'verity-root-hash',
    payload: encodeUtf8(rootHash),
    digest: 'sha256',
    subject,
  }
}

/**
 * Wraps a raw signature, after checking it against the certificate: a wrong key, a wrong encoding
 * or a truncated answer must fail here and not at boot.
 *
 * @throws KeyError BAD_SIGNATURE; FormatError where the certificate is of no use here, or the
 *   message does not fit in its partition.
 */
export async function attachSignature(input: SignatureInput): Promise<RootHashSignature> {
  const { rootHash, signature } = input
  const { payload, digest } = requestSignature(rootHash, '')
  const certificate = decodeCertificate(input.certificate)
  if (!isSignatureValid(certificate, digest, payload, signature)) {
    const key = describePublicKey(certificate.publicKey)
    throw new KeyError(
      'BAD_SIGNATURE',
      `the signature does not verify against the certificate of ${certificate.subject.text} (${key})`,
      {
        hint: 'it must be raw: PKCS#1 v1.5 for RSA, DER for EC, over the digits without a newline',
      },
    )
  }
  const { encodeSignedData } = await loadEncoder()
  const { embedCertificate } = input
  const pkcs7 = encodeSignedData({ certificate: certificate.der, signature, embedCertificate })
  const certificateFingerprint = sha256(certificate.der)
  const warning = input.now && findValidityWarning(certificate, input.now, certificate.subject.text)
  return {
    pkcs7,
    partition: encodeVeritySignature({
      rootHash: fromHex(rootHash)!, // the request has just made sure that these are digits
      certificateFingerprint,
      signature: pkcs7,
    }),
    certificateFingerprint: toHex(certificateFingerprint),
    warnings: warning ? [warning] : [],
  }
}

/**
 * Request, signature and attachment in one, for a key that is at hand.
 *
 * @throws KeyError from the signer, and as {@link attachSignature}.
 */
export async function signRootHash(
  rootHash: string,
  signing: Signing,
  subject: string,
  now?: Date,
): Promise<RootHashSignature> {
  const signature = await askSigner(signing.signer, requestSignature(rootHash, subject))
  const { certificate, embedCertificate } = signing
  return attachSignature({ rootHash, signature, certificate, embedCertificate, now })
}

/** pkijs takes 50 ms to load: never where nothing is signed, and best while threads are busy. */
export function loadEncoder(): Promise<typeof import('../formats/pkcs7/encode.ts')> {
  return import('../formats/pkcs7/encode.ts')
}
