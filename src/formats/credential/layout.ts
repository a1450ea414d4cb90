/**
 * The bytes of an encrypted credential: little-endian headers, each padded to a multiple of 8, in
 * front of what AES-256-GCM makes of metadata and secret. See docs/formats/credential.md.
 */

import { bytes, type Infer, struct, u16le, u32le, u64le } from '../../bytes/struct.ts'

export const FORMAT = 'credential'

/** Headers start at multiples of this. */
export const ALIGNMENT = 8
export const KEY_SIZE = 32
export const IV_SIZE = 12
export const TAG_SIZE = 16
/** What OpenSSL calls the block size of GCM. */
export const BLOCK_SIZE = 1

/** Most bytes of a secret. */
export const MAX_PLAINTEXT = 1024 * 1024
/** Most bytes of a credential, binary. */
export const MAX_CREDENTIAL = MAX_PLAINTEXT + 128 * 1024
/** Most bytes of a credential as text. */
export const MAX_TEXT = 3 * MAX_CREDENTIAL
/** Most bytes of blob and parent key. */
export const MAX_FIELD = 16 * 1024
/** Most bytes of a public key. */
export const MAX_PUBLIC_KEY = 1024 * 1024
export const MAX_NAME = 255

/** Longest IV that OpenSSL takes for GCM. */
export const MAX_IV = 128
export const POLICY_HASH_SIZE = 32

/** What systemd 252 writes for the bank where there are no PCRs. */
export const NO_BANK = 0xffff

/** Types of parent keys by TPM_ALG_ID. */
export const PARENT_TYPES: Readonly<Record<number, 'rsa' | 'ecc'>> = { 1: 'rsa', 35: 'ecc' }

/** Bits of PCR 0 to 23. */
export const PCR_BITS = 0xffffffn
/** UID, machine and user name: the one combination there is. */
export const SCOPE_FLAGS = 7n
/** In place of a time: none. */
export const NO_TIME = 0xffff_ffff_ffff_ffffn

/** In front of everything; the IV follows. */
export const MainHeader = struct({
  id: bytes(16),
  keySize: u32le,
  blockSize: u32le,
  ivSize: u32le,
  tagSize: u32le,
})
export type MainHeader = Infer<typeof MainHeader>

/** Types with a TPM; blob and policy hash follow. */
export const Tpm2Header = struct({
  pcrMask: u64le,
  bank: u16le, // TPM_ALG_ID of the PCR bank
  parentType: u16le, // TPM_ALG_ID of the parent key
  blobSize: u32le,
  policyHashSize: u32le,
})
export type Tpm2Header = Infer<typeof Tpm2Header>

/** Types with a public key; the key's file follows. */
export const PublicKeyHeader = struct({
  pcrMask: u64le,
  size: u32le,
})
export type PublicKeyHeader = Infer<typeof PublicKeyHeader>

/** Pinned types; the serialised parent key follows. */
export const ParentHeader = struct({ size: u32le })
export type ParentHeader = Infer<typeof ParentHeader>

/** Scoped types. */
export const ScopeHeader = struct({ flags: u64le })
export type ScopeHeader = Infer<typeof ScopeHeader>

/** In front of the secret, encrypted with it; the name follows. */
export const MetadataHeader = struct({
  timestamp: u64le, // microseconds since 1970
  notAfter: u64le,
  nameSize: u32le,
})
export type MetadataHeader = Infer<typeof MetadataHeader>
