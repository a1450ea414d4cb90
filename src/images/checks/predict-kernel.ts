/** What Linux says to the signature of an image, given the certificates in its keyrings. */

import { createPublicKey, X509Certificate } from 'node:crypto'
import { equalBytes } from '../../bytes/equal.ts'
import { findKernelObjection } from '../../formats/pkcs7/kernel.ts'
import type { Certificate } from '../../formats/x509/decode.ts'
import { findKernelCertificateObjection } from '../../formats/x509/kernel.ts'
import type { LoadedCertificate } from '../../keys/certificate.ts'
import { verifySignedData } from '../../keys/verify-signature.ts'
import { resultOf } from '../read/attempt.ts'
import type { FoundSignature } from '../read/root-hash-claims.ts'
import { describeSigner, embeddedCertificates } from '../read/signer-text.ts'
import { type Answer, contentOf, noSignature } from './reader-verdict.ts'

/** RSA tells a signature of something else from one that is damaged, and says by chance how. */
const REJECTED = 'EKEYREJECTED, EINVAL or EBADMSG: the signature does not fit the root hash'

export function predictKernel(
  signature: FoundSignature | undefined,
  trusted: readonly LoadedCertificate[],
): Answer {
  const message = resultOf(signature?.message)
  if (!signature || !message) return noSignature(signature)
  const objection = findKernelObjection(message)
  if (objection) return refuse(`${objection.error}: ${objection.reason}`)
  const signers = message.signers.map(describeSigner).join(' and ')
  const embedded = embeddedCertificates(message)
  if (trusted.length === 0) {
    const chain = embedded.length > 0 ? ' or the one that issued it' : ''
    const reason = `a keyring must hold the certificate of ${signers}${chain}`
    return { verdict: 'depends', reason }
  }
  const content = contentOf(signature)
  const direct = verifySignedData(message, content, trusted)
  // The certificate inside is believed only if somebody vouches for it, but it is asked first.
  const inside = verifySignedData(message, content, embedded)
  if (direct.kind === 'bad-signature' || inside.kind === 'bad-signature') return refuse(REJECTED)
  const anchor =
    direct.kind === 'valid'
      ? direct.signers[0]
      : inside.kind === 'valid' && findIssuer(inside.signers[0], trusted)
  if (!anchor) return refuse(`ENOKEY: no certificate given is that of ${signers}`)
  const reason = findKernelCertificateObjection(anchor)
  if (reason) return refuse(`${anchor.sourceFile} cannot be in a keyring: ${reason}`)
  const name = `${anchor.subject.text} (${anchor.sourceFile})`
  const role = direct.kind === 'valid' ? '' : ', which issued the certificate in the signature'
  return {
    verdict: 'accepts',
    reason: `when the trusted keyrings of the kernel hold ${name}${role}`,
  }
}

function refuse(reason: string): Answer {
  return { verdict: 'refuses', reason }
}

/**
 * The kernel follows certificates inside the message: a trusted issuer is enough. It finds the
 * issuer by its key identifier and by nothing else, so a certificate that names none has no issuer.
 */
function findIssuer(
  certificate: Certificate | undefined,
  trusted: readonly LoadedCertificate[],
): LoadedCertificate | undefined {
  const identifier = certificate?.extensions.authorityKeyIdentifier
  if (!identifier) return undefined
  return trusted.find((issuer) => {
    const { subjectKeyIdentifier } = issuer.extensions
    if (!subjectKeyIdentifier || !equalBytes(subjectKeyIdentifier, identifier)) return false
    return isSignedBy(certificate, issuer)
  })
}

function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  try {
    const key = createPublicKey({
      key: Buffer.from(issuer.publicKeyDer),
      format: 'der',
      type: 'spki',
    })
    return new X509Certificate(certificate.der).verify(key)
  } catch {
    // OpenSSL throws on keys and certificates that it cannot use.
    return false
  }
}
