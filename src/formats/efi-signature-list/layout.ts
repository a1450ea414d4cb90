/**
 * Signature lists of UEFI firmware (UEFI 2.10 §32.4.1): whom a Secure Boot variable trusts. Lists
 * follow one another without padding; all entries of a list have one size.
 */

import { guid, type Infer, struct, u32le } from '../../bytes/struct.ts'

/** EFI_SIGNATURE_LIST; a header that its type may ask for and the entries follow. */
export const SignatureListHeader = struct({
  signatureType: guid,
  /** Of the whole list, this structure included. */
  listSize: u32le,
  /** Of what is between this structure and the entries; 0 for every type we write. */
  headerSize: u32le,
  /** Of each entry, its owner included. */
  signatureSize: u32le,
})
export type SignatureListHeader = Infer<typeof SignatureListHeader>

/** EFI_SIGNATURE_DATA begins with the GUID of whoever put the entry there. */
export const SignatureOwner = struct({ owner: guid })

/** The types we write. */
export const SIGNATURE_TYPES = {
  /** EFI_CERT_X509_GUID: one certificate in DER. */
  x509: 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072',
  /** EFI_CERT_SHA256_GUID: the Authenticode digest of a program. */
  sha256: 'c1c41626-504c-4092-aca9-41f936934328',
} as const

export type SignatureKind = keyof typeof SIGNATURE_TYPES

export const SHA256_SIZE = 32

/** Entries of one type and size. */
export interface SignatureList {
  /** A name for the types we write, for others their GUID. */
  readonly type: SignatureKind | (string & {})
  readonly header: Uint8Array
  readonly entries: readonly SignatureEntry[]
}

export interface SignatureEntry {
  /** GUID. */
  readonly owner: string
  readonly data: Uint8Array
}
