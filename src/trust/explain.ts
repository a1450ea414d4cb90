/** Why no installed certificate is the one that a signature names: the near misses, told apart. */

import { equalBytes } from '../bytes/equal.ts'
import { toHex } from '../bytes/hex.ts'
import { findSigner, type SignedData, type SignerInfo } from '../formats/pkcs7/decode.ts'
import type { Certificate } from '../formats/x509/decode.ts'
import { embeddedCertificates } from '../images/read/signer-text.ts'
import type { LoadedCertificate } from '../keys/certificate.ts'
import { isSignatureValid } from '../keys/verify-signature.ts'

/** What there is to compare a message with. */
export interface Candidates {
  /** Those that systemd uses. */
  readonly used: readonly LoadedCertificate[]
  /** Those in files that it does not use, and why. */
  readonly ignored: readonly { readonly certificate: LoadedCertificate; readonly reason: string }[]
}

/** One sentence for each certificate that is nearly the right one. */
export function explainMismatch(
  message: SignedData,
  content: Uint8Array,
  { used, ignored }: Candidates,
): readonly string[] {
  return message.signers.flatMap((signer) => {
    const { identifier } = signer
    if (identifier.kind !== 'issuer-and-serial' || findSigner(signer, used)) return []
    const embedded = findSigner(signer, embeddedCertificates(message))
    const unused = ignored.filter(({ certificate }) => findSigner(signer, [certificate]))
    if (unused.length > 0) {
      return unused.map(
        ({ certificate, reason }) =>
          `${certificate.sourceFile} is the certificate, and is ignored: ${reason}`,
      )
    }
    return used.flatMap((certificate) => {
      const reason = findNearMiss(signer, identifier, certificate, content, embedded)
      return reason === undefined ? [] : [`${certificate.sourceFile} ${reason}`]
    })
  })
}

function findNearMiss(
  signer: SignerInfo,
  { issuer, serial }: { readonly issuer: Uint8Array; readonly serial: Uint8Array },
  certificate: Certificate,
  content: Uint8Array,
  embedded: Certificate | undefined,
): string | undefined {
  const isSameKey =
    signer.signedAttributes === undefined &&
    isSignatureValid(certificate, 'sha256', content, signer.signature)
  const found = toHex(certificate.serial)
  if (isIssuer(certificate, issuer, embedded)) {
    const whose = embedded ? `that of ${embedded.subject.text}` : 'the one that signs'
    return `is the authority that issued the certificate; systemd follows no chain and wants ${whose}`
  }
  if (equalBytes(certificate.issuer.der, issuer)) {
    const role = isSameKey ? 'is another certificate for the same key' : 'has the same issuer'
    return `${role} with the serial number ${found}, not ${toHex(serial.subarray(2))}`
  }
  if (isSameKey) return `is another certificate for the same key, by ${certificate.issuer.text}`
  if (equalBytes(certificate.serialDer, serial)) {
    return `has the same serial number, but another issuer: ${certificate.issuer.text}`
  }
  return undefined
}

/** A certificate that signs itself has the name of its issuer too. */
function isIssuer(certificate: Certificate, issuer: Uint8Array, issued: Certificate | undefined) {
  const isSelfSigned = issued !== undefined && equalBytes(issued.subject.der, issued.issuer.der)
  const isAuthority = certificate.extensions.basicConstraints?.certificateAuthority === true
  return isAuthority && !isSelfSigned && equalBytes(certificate.subject.der, issuer)
}
