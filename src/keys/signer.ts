/** Signing as a conversation: what must be signed, the signature, the signed thing. */

import type { PurposeBytes } from '../formats/signing-purpose/parts.ts'

/**
 * Everything a signing machine needs to know, and nothing it does not: the bytes to sign, not yet
 * hashed, what they are for, and what shows that they are that.
 */
export interface SigningRequest extends PurposeBytes {
  readonly digest: 'sha256'
  /** Shown to whoever approves the signature. Nothing depends on it. */
  readonly subject: string
}

/** A key, wherever it lives: a file, a token, a cloud service, a person with a USB stick. */
export interface Signer {
  /**
   * The raw signature over `request.payload`: RSASSA-PKCS1-v1_5 for RSA keys, a DER
   * ECDSA-Sig-Value for EC keys. Whoever asks verifies it before using it.
   */
  sign(request: SigningRequest): Promise<Uint8Array>
  /** Takes several requests at once, which a person or a token should not be given. Default false. */
  readonly isConcurrent?: boolean
}
