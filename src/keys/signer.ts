/** Signing as a conversation: what must be signed, the signature, the signed thing. */

/** Everything a signing machine needs to know, and nothing it does not. */
export interface SigningRequest {
  readonly purpose: 'verity-root-hash' | 'pcr-policy' | 'authenticode' | 'uefi-variable'
  /** The bytes to sign, not yet hashed. */
  readonly payload: Uint8Array
  readonly digest: 'sha256' | 'sha384' | 'sha512'
  /** Shown to whoever approves the signature. */
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
