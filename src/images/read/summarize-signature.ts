/** A signature as a plain value. */

import { toHex } from '../../bytes/hex.ts'
import { findDeviations } from '../../formats/pkcs7/deviation.ts'
import type { Certificate } from '../../formats/x509/decode.ts'
import { DIGESTS, nameOfOid, SIGNATURES } from '../../formats/x509/oids.ts'
import { describePublicKey } from '../../formats/x509/public-key.ts'
import { fingerprintOf } from '../../keys/certificate.ts'
import type { CertificateSummary, SignatureSummary } from '../inspection.ts'
import { resultOf } from './attempt.ts'
import type { FoundSignature } from './root-hash-claims.ts'
import { embeddedCertificates, nameSigner } from './signer-text.ts'

/** Who claims to have signed what, and how. */
export function summarizeSignature(found: FoundSignature): SignatureSummary {
  const { where, rootHash, certificateFingerprint, size } = found
  const message = resultOf(found.message)
  return {
    where,
    ...(rootHash && { rootHash: toHex(rootHash) }),
    ...(certificateFingerprint && { certificateFingerprint: toHex(certificateFingerprint) }),
    size,
    signers: (message?.signers ?? []).map((signer) => {
      const { issuer, serial } = nameSigner(signer)
      return {
        ...(issuer !== undefined && { issuer }),
        serial,
        digest: nameOfOid(DIGESTS, signer.digestAlgorithm.oid),
        algorithm: nameOfOid(SIGNATURES, signer.signatureAlgorithm.oid),
      }
    }),
    certificates: message ? embeddedCertificates(message).map(summarizeCertificate) : [],
    deviations: message
      ? findDeviations(message).map(
          ({ field, expected, found: value }) => `${field}: expected ${expected}, found ${value}`,
        )
      : [],
  }
}

function summarizeCertificate(certificate: Certificate): CertificateSummary {
  return {
    subject: certificate.subject.text,
    issuer: certificate.issuer.text,
    serial: toHex(certificate.serial),
    algorithm: describePublicKey(certificate.publicKey),
    fingerprint: fingerprintOf(certificate.der),
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
  }
}
