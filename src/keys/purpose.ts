/**
 * The one way to a signature: what is to be signed is taken apart first, whoever holds the key. A
 * signature for one purpose must never pass for one of another.
 */

import { FormatError, KeyError } from '../errors.ts'
import type { PolicyEvidence, SignedParts } from '../formats/signing-purpose/parts.ts'
import { readSignedParts } from '../formats/signing-purpose/read.ts'
import type { PcrBank } from '../formats/tpm2/pcr.ts'
import { isPolicySignatureValid, policyPublicKey } from './policy-key.ts'
import type { Signer, SigningRequest } from './signer.ts'

/**
 * What is to be signed, taken apart.
 *
 * @throws KeyError UNSUPPORTED where it is not what the purpose signs, or nothing shows that it is.
 */
export function examineRequest(request: SigningRequest): SignedParts {
  try {
    if (request.digest !== 'sha256') {
      throw new KeyError(
        'UNSUPPORTED',
        `what is signed is hashed with SHA-256, not ${request.digest}`,
      )
    }
    const parts = readSignedParts(request)
    if (request.policy) assertApproved(request.policy, request.payload)
    return parts
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw new KeyError('UNSUPPORTED', error.message, { cause: error })
  }
}

/** Has a request signed that may be. @throws KeyError as {@link examineRequest}, and from the signer. */
export async function askSigner(signer: Signer, request: SigningRequest): Promise<Uint8Array> {
  examineRequest(request)
  return signer.sign(request)
}

/** ukify 257 signed in the banks other than SHA-256 with the bank's own hash. */
function assertApproved({ bank, approval }: PolicyEvidence, payload: Uint8Array): void {
  if (!approval) return
  const key = policyPublicKey(approval.publicKeyPem, 'the key that approved of the policy before')
  const isBy = (digest: PcrBank) => isPolicySignatureValid(key, payload, approval.signature, digest)
  if (isBy('sha256') || isBy(bank)) return
  throw new KeyError('UNSUPPORTED', 'the earlier signature of the policy does not verify')
}
