/** What every key outside of this process has in common: what it is asked and what it answers is checked. */

import { KeyError } from '../../errors.ts'
import type { SignedParts } from '../../formats/signing-purpose/parts.ts'
import { describePublicKey } from '../../formats/x509/public-key.ts'
import type { LoadedCertificate } from '../certificate.ts'
import { examineRequest } from '../purpose.ts'
import { findValidSignature } from '../raw-signature.ts'
import type { Signer, SigningRequest } from '../signer.ts'

/** A signer, the certificate that names its key, and what to tell the user about them. */
export interface LoadedSigner extends Signer {
  readonly certificate: LoadedCertificate
  readonly warnings: readonly string[]
  /** Drops the key, or lets go of what holds it. Signing afterwards is an error. */
  forget(): void
}

export interface CheckedSignerOptions {
  readonly certificate: LoadedCertificate
  /** What holds the key, for errors: `signing command openssl`. */
  readonly holder: string
  /** @param parts what the payload consists of */
  readonly sign: (request: SigningRequest, parts: SignedParts) => Promise<Uint8Array>
  readonly forget?: () => void
}

/**
 * A signer that is asked only for what its purpose signs, as `examineRequest` says, and passes on
 * only signatures which the certificate confirms: a wrong key, a wrong
 * encoding or a truncated answer ends here. EC signatures come out as DER, however they came in.
 */
export function checkedSigner(options: CheckedSignerOptions): LoadedSigner {
  const { certificate, holder } = options
  return {
    certificate,
    warnings: [],
    async sign(request) {
      const { digest, payload } = request
      const answer = await options.sign(request, examineRequest(request))
      const signature = findValidSignature(certificate, digest, payload, answer)
      if (signature) return signature
      const key = describePublicKey(certificate.publicKey)
      throw new KeyError(
        'BAD_SIGNATURE',
        `${holder} gave ${answer.length} bytes that are no signature by the key of ${certificate.sourceFile} (${key})`,
        {
          hint: 'is it the key of this certificate? the answer must be raw: PKCS#1 v1.5 for RSA; DER, or r and s, for EC',
        },
      )
    },
    forget: options.forget ?? (() => undefined),
  }
}
