/** What a signature can be for, and what the signed bytes consist of. */

import type { SecureBootVariable } from '../efi-variable/layout.ts'
import type { PcrBank } from '../tpm2/pcr.ts'

export const PURPOSES = ['verity-root-hash', 'pcr-policy', 'authenticode', 'uefi-variable'] as const

export type Purpose = (typeof PURPOSES)[number]

/** @returns whether `text` is the name of a purpose */
export function isPurpose(text: string): text is Purpose {
  return PURPOSES.some((purpose) => purpose === text)
}

/** Bytes to sign with SHA-256, and what shows that they are what the purpose signs. */
export interface PurposeBytes {
  readonly purpose: Purpose
  readonly payload: Uint8Array
  /** For `pcr-policy`: what the policy was computed from. */
  readonly policy?: PolicyEvidence | undefined
  /** For `authenticode`: the SpcIndirectDataContent whose digest is in the attributes, in DER. */
  readonly content?: Uint8Array | undefined
}

/** What a policy digest was computed from, so that whoever signs it computes it again. */
export interface PolicyEvidence {
  readonly bank: PcrBank
  /** Limits the signature to what was enrolled for this reference. */
  readonly reference?: string | undefined
  /** PCR to value. */
  readonly values?: ReadonlyMap<number, Uint8Array> | undefined
  /** In the place of values that are not known any more: a signature of the same bytes. */
  readonly approval?: PolicyApproval | undefined
}

/** A key that has approved of a policy before. */
export interface PolicyApproval {
  /** SubjectPublicKeyInfo in PEM. */
  readonly publicKeyPem: Uint8Array
  readonly signature: Uint8Array
}

export type SignedParts = RootHashParts | PolicyParts | ImageParts | VariableParts

export interface RootHashParts {
  readonly purpose: 'verity-root-hash'
  /** 64 lower-case hexadecimal digits. */
  readonly rootHash: string
}

export interface PolicyParts {
  readonly purpose: 'pcr-policy'
  /** The digest of the policy, 32 bytes. */
  readonly policy: Uint8Array
  readonly bank: PcrBank
  readonly reference?: string
  /** PCR to value; absent where an earlier signature vouches for the policy. */
  readonly values?: ReadonlyMap<number, Uint8Array>
  /** `pkfp` of the key that approved of the policy before. */
  readonly approvedBy?: Uint8Array
}

export interface ImageParts {
  readonly purpose: 'authenticode'
  /** The Authenticode SHA-256 of the program. */
  readonly imageHash: Uint8Array
  readonly signingTime?: Date
}

export interface VariableParts {
  readonly purpose: 'uefi-variable'
  readonly variable: SecureBootVariable
  readonly guid: string
  /** Added to what is there, instead of replacing it. */
  readonly append: boolean
  readonly time: Date
  /** SHA-256 of each certificate. */
  readonly certificates: readonly Uint8Array[]
  /** SHA-256 of each program. */
  readonly hashes: readonly Uint8Array[]
  /** Entries of types that extsign does not write: the GUID of the type, and how many. */
  readonly others: readonly { readonly type: string; readonly count: number }[]
}
