/** What {@link inspectImage} answers: plain values that survive JSON, sizes and offsets in bytes. */

import type { FoundPartition } from '../formats/image-policy-decision.ts'
import type { ExtensionKind } from '../formats/release/index.ts'

export interface Inspection {
  readonly path: string
  readonly fileName: string
  readonly size: number
  /** `gpt`, or `none` for a bare file system. */
  readonly table: 'gpt' | 'none'
  readonly gpt?: GptSummary
  readonly partitions: readonly PartitionSummary[]
  /** Which tree it extends. */
  readonly designator: 'root' | 'usr'
  /** Of the partition types, systemd's name. */
  readonly architecture?: string
  readonly filesystem?: FilesystemSummary
  readonly verity?: VeritySummary
  /** What the image and the files beside it say its root hash is. */
  readonly rootHashes: readonly { readonly where: string; readonly rootHash: string }[]
  readonly signatures: readonly SignatureSummary[]
  readonly releases: readonly ReleaseSummary[]
  /** Names in the root directory as it will be mounted. */
  readonly topLevel: readonly string[]
  /** Files beside the image that readers look at. */
  readonly sidecars: readonly string[]
  readonly policy: PolicySummary
  /** What could not be read, or is not as it must be. Nothing is hashed to find them. */
  readonly problems: readonly { readonly structure: string; readonly message: string }[]
}

export interface GptSummary {
  readonly sectorSize: number
  readonly diskGuid: string
  /** The copy that was read; the backup only where the primary is broken. */
  readonly copy: 'primary' | 'backup'
  readonly entryCount: number
}

export interface PartitionSummary {
  /** From 1, as other tools count. */
  readonly number: number
  /** `root-x86-64-verity`, or the GUID of a type without a name. */
  readonly type: string
  readonly typeGuid: string
  readonly uuid: string
  readonly label: string
  readonly offset: number
  readonly size: number
  /** Hexadecimal. */
  readonly attributes: string
  readonly readOnly: boolean
  readonly growfs: boolean
  readonly noAuto: boolean
  /** Its part in the image; absent for one that readers would not use. */
  readonly role?: 'data' | 'hash' | 'signature'
}

export interface FilesystemSummary {
  readonly type: 'erofs' | 'squashfs'
  /** The rest for EROFS only. */
  readonly size?: number
  readonly blockSize?: number
  readonly blocks?: number
  readonly inodes?: number
  readonly uuid?: string
  readonly label?: string
  /** Seconds since the epoch. */
  readonly buildTime?: number
  /** Hexadecimal. */
  readonly compatibleFeatures?: string
  readonly incompatibleFeatures?: string
  readonly compression?: readonly string[]
}

export interface VeritySummary {
  readonly uuid: string
  readonly algorithm: string
  readonly dataBlockSize: number
  readonly hashBlockSize: number
  readonly dataBlocks: number
  readonly dataSize: number
  /** Superblock and tree. */
  readonly hashSize: number
  readonly levels: number
  /** Hexadecimal. */
  readonly salt: string
}

export interface SignatureSummary {
  /** `signature partition`, or the path of a file. */
  readonly where: string
  readonly rootHash?: string
  readonly certificateFingerprint?: string
  /** Bytes of the message. */
  readonly size: number
  readonly signers: readonly {
    readonly issuer?: string
    readonly serial: string
    readonly digest: string
    readonly algorithm: string
  }[]
  /** Those inside the message. They prove nothing by being there. */
  readonly certificates: readonly CertificateSummary[]
  /** In what it differs from the messages systemd writes. */
  readonly deviations: readonly string[]
}

export interface CertificateSummary {
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  /** `RSA 4096`, `EC P-256`, … */
  readonly algorithm: string
  /** SHA-256 of the DER. */
  readonly fingerprint: string
  /** ISO 8601. */
  readonly notBefore: string
  readonly notAfter: string
}

export interface ReleaseSummary {
  readonly kind: ExtensionKind
  readonly imageName?: string
  readonly path?: string
  /** Why this file, or why none. */
  readonly rule: string
  readonly fields: Readonly<Record<string, string>>
}

export interface PolicySummary {
  /** What policies decide about. */
  readonly found: readonly FoundPartition[]
  /** Names of systemd's own policies that admit the image, whatever its signature is worth. */
  readonly admittedBy: readonly string[]
}
