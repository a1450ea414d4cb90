/** What systemd's own check says to the signature of an image, given what is in `verity.d`. */

import { findUserspaceObjection } from '../../formats/pkcs7/userspace.ts'
import { verifySignedData } from '../../keys/verify-signature.ts'
import { resultOf } from '../read/attempt.ts'
import type { FoundSignature } from '../read/root-hash-claims.ts'
import { describeSigner } from '../read/signer-text.ts'
import type { VerifyOptions } from '../verify-options.ts'
import { type Answer, contentOf, noSignature } from './reader-verdict.ts'

export function predictUserspace(
  signature: FoundSignature | undefined,
  options: VerifyOptions,
): Answer {
  const message = resultOf(signature?.message)
  if (!signature || !message) return noSignature(signature)
  const { trust, certificates = [] } = options
  const installed = trust?.certificates ?? certificates
  if (!trust && certificates.length === 0) {
    const signers = message.signers.map(describeSigner).join(' and ')
    return { verdict: 'depends', reason: `verity.d must hold the certificate of ${signers}` }
  }
  const objection = findUserspaceObjection(message, installed)
  if (objection) {
    const ignored = trust?.ignored.map(({ path, reason }) => `${path} is ignored: ${reason}`) ?? []
    const reason = [`${objection.error}: ${objection.reason}`, ...ignored].join('; ')
    return { verdict: 'refuses', reason }
  }
  const verification = verifySignedData(message, contentOf(signature), installed)
  if (verification.kind !== 'valid') {
    return {
      verdict: 'refuses',
      reason: 'EDESTADDRREQ: the signature does not fit the root hash',
    }
  }
  const files = verification.signers.map(({ sourceFile }) => sourceFile).join(' and ')
  return {
    verdict: 'accepts',
    reason: trust ? `by ${files}` : `when ${files} is in verity.d, as PEM with the suffix .crt`,
  }
}
