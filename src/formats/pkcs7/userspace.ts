/**
 * What systemd says to a root-hash signature when the kernel did not take it: `PKCS7_verify` of
 * OpenSSL without the embedded certificates and without a chain, against `verity.d`.
 */

import { toHex } from '../../bytes/hex.ts'
import type { Certificate } from '../x509/decode.ts'
import { DIGESTS, nameOfOid } from '../x509/oids.ts'
import { describePublicKey } from '../x509/public-key.ts'
import { findSigner, type SignedData } from './decode.ts'
import type { Objection } from './kernel.ts'

/**
 * The first reason for which userspace refuses `message` with these certificates installed, or
 * undefined. Whether the signatures are right is another matter. Neither validity, nor key usage,
 * nor the embedded certificates count; every signer needs its own certificate installed.
 */
export function findUserspaceObjection(
  message: SignedData,
  certificates: readonly Certificate[],
): Objection | undefined {
  if (message.signers.length === 0) return { error: 'EDESTADDRREQ', reason: 'no signer' }
  for (const signer of message.signers) {
    if (signer.identifier.kind === 'subject-key-id') {
      return {
        error: 'EBADMSG',
        reason: 'the signer is named by key identifier, which PKCS#7 does not know',
      }
    }
    const digest = nameOfOid(DIGESTS, signer.digestAlgorithm.oid)
    if (!DIGESTS.has(signer.digestAlgorithm.oid)) {
      return { error: 'EDESTADDRREQ', reason: `the digest ${digest} is unknown` }
    }
    if (!message.digestAlgorithms.some(({ oid }) => oid === signer.digestAlgorithm.oid)) {
      return {
        error: 'EDESTADDRREQ',
        reason: `the signer's digest ${digest} is not among the digests of the message`,
      }
    }
    const certificate = findSigner(signer, certificates)
    if (!certificate) {
      const serial = toHex(signer.identifier.serial.subarray(2))
      return {
        error: 'EDESTADDRREQ',
        reason: `no certificate has the signer's issuer and serial number ${serial}`,
      }
    }
    const key = certificate.publicKey
    if (key.kind === 'other' || (key.kind === 'rsa' && key.restrictedToPss)) {
      return {
        error: 'EDESTADDRREQ',
        reason: `PKCS#7 cannot be verified with ${describePublicKey(key)} keys`,
      }
    }
  }
  return undefined
}
