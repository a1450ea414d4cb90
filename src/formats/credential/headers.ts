/** What stands in the clear in front of every credential, as values. */

import type { CredentialType } from './types.ts'

/** How the TPM's part of the key is sealed. */
export interface TpmSeal {
  /** Bit n: PCR n must have the value it had, or was expected to have, when this was sealed. */
  readonly pcrMask: number
  /** TPM_ALG_ID of the PCR bank, also of the signed policies. */
  readonly bank: number
  /** TPM_ALG_ID of the parent key: RSA or ECC. */
  readonly parentType: number
  /** Private and public part of the sealed object; the seed too where it was made off-device. */
  readonly blob: Uint8Array
  /** The object's policy digest, zeros for none. */
  readonly policyHash: Uint8Array
}

/** The key whose signed PCR policies open the credential. */
export interface PolicyKey {
  /** PCRs that a policy must cover. */
  readonly pcrMask: number
  /** The file as it is, PEM. */
  readonly pem: Uint8Array
}

export interface CredentialHeaders {
  readonly type: CredentialType
  readonly iv: Uint8Array
  readonly tpm2?: TpmSeal | undefined
  readonly publicKey?: PolicyKey | undefined
  /** The parent key of a pinned type, serialised as TPM libraries do. */
  readonly parent?: Uint8Array | undefined
}
