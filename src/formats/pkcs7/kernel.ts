/**
 * What Linux says to a root-hash signature before it looks for the key: the rules of
 * `crypto/asymmetric_keys/pkcs7_parser.c`, `pkcs7_verify.c` and `certs/system_keyring.c`,
 * Linux 6.12 to 6.18.
 */

import { FormatError } from '../../errors.ts'
import { decodeCertificate } from '../x509/decode.ts'
import { findKernelCertificateObjection } from '../x509/kernel.ts'
import { DIGESTS, nameOfOid, Oid, SIGNATURES } from '../x509/oids.ts'
import type { SignedData, SignerInfo } from './decode.ts'

/** Why a reader refuses a message. */
export interface Objection {
  /** The error the reader reports. */
  readonly error: string
  readonly reason: string
}

const PUBLIC_KEY_ALGORITHMS = /^(?:rsaEncryption|ecdsa-with-SHA\d[-\d]*)$/
const DIGEST_NAMES = /^(?:sha1|sha224|sha256|sha384|sha512|sha3-\d+)$/

/**
 * The first reason for which the kernel refuses `message` whatever keys it trusts, or undefined.
 * That the signature verifies and a keyring holds the certificate (or its issuer's, when the
 * certificate is embedded) is another matter.
 */
export function findKernelObjection(message: SignedData): Objection | undefined {
  if (message.version !== 1 && message.version !== 3) {
    return { error: 'EINVAL', reason: `signed data of version ${message.version}` }
  }
  if (message.contentType !== Oid.data) {
    return { error: 'EINVAL', reason: `the content type is ${message.contentType}, not data` }
  }
  if (!message.detached) {
    return { error: 'EBADMSG', reason: 'the signed content is inside the message' }
  }
  for (const certificate of message.certificates) {
    const reason = findEmbeddedCertificateObjection(certificate)
    if (reason) return { error: 'EBADMSG', reason: `an embedded certificate is refused: ${reason}` }
  }
  if (message.signers.length === 0) return { error: 'ENOPKG', reason: 'no signer' }
  for (const signer of message.signers) {
    const objection = findSignerObjection(signer, message)
    if (objection) return objection
  }
  return undefined
}

function findSignerObjection(signer: SignerInfo, message: SignedData): Objection | undefined {
  const wanted = { 1: 'issuer-and-serial', 3: 'subject-key-id' }[signer.version]
  if (wanted === undefined) {
    return { error: 'EINVAL', reason: `a signer of version ${signer.version}` }
  }
  if ((message.version === 1) !== (signer.version === 1)) {
    return {
      error: 'EBADMSG',
      reason: `a signer of version ${signer.version} in signed data of version ${message.version}`,
    }
  }
  if (signer.identifier.kind !== wanted) {
    return {
      error: 'ENOKEY',
      reason: `a signer of version ${signer.version} named by ${signer.identifier.kind}`,
    }
  }
  const digest = nameOfOid(DIGESTS, signer.digestAlgorithm.oid)
  if (!DIGEST_NAMES.test(digest)) {
    return { error: 'ENOPKG', reason: `the digest ${digest} is unknown` }
  }
  const algorithm = nameOfOid(SIGNATURES, signer.signatureAlgorithm.oid)
  if (!PUBLIC_KEY_ALGORITHMS.test(algorithm)) {
    return {
      error: 'ENOPKG',
      reason: `the signature algorithm is ${algorithm}, where rsaEncryption or ECDSA is expected`,
    }
  }
  const attributes = signer.signedAttributes
  if (attributes && !(attributes.messageDigest && attributes.contentType)) {
    return { error: 'EBADMSG', reason: 'signed attributes without content type or message digest' }
  }
  return undefined
}

function findEmbeddedCertificateObjection(der: Uint8Array): string | undefined {
  try {
    return findKernelCertificateObjection(decodeCertificate(der))
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return error.message
  }
}
