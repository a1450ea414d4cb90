/** What can be asked of {@link buildExtension} and {@link wrapFilesystem}, and what they answer. */

import type { LoadableName } from '../formats/release/file-names.ts'
import type { ExtensionKind } from '../formats/release/kind.ts'
import type { ReleaseOptions } from '../formats/release/options.ts'
import type { StampedField } from '../formats/release/stamp.ts'
import type { Signer } from '../keys/signer.ts'

export type { ExtensionKind, ReleaseOptions }

/** A key and the certificate (DER) that names it. */
export interface Signing {
  readonly signer: Signer
  readonly certificate: Uint8Array
  /** Put the certificate into the PKCS#7 message, as systemd-repart does. Default true. */
  readonly embedCertificate?: boolean
}

export type CompressionAlgorithm = 'none' | 'lz4' | 'zstd'

export interface Compression {
  readonly algorithm: CompressionAlgorithm
  /** zstd level 1 … 19, default 3. */
  readonly level?: number
}

/** What the layout of a DDI needs besides the file system. */
export interface LayoutOptions {
  /** Where the image appears, whole or not at all. */
  readonly output: string
  /** Replace an existing output. */
  readonly force?: boolean
  /** systemd architecture name for the partition types. Default `x86-64`. */
  readonly architecture?: string
  /** Seed of UUIDs and salt (`systemd-repart --seed=`). Default: derived from name and version. */
  readonly seed?: string
  readonly sectorSize?: 512 | 4096
  /** Absent for an unsigned image, whose signature can be attached later. */
  readonly signing?: Signing
  /** Also write `.roothash` and, when signed, `.roothash.p7s`. */
  readonly sidecars?: boolean
  /** Worker threads; 0 works in the calling thread. Default: by size and processors. */
  readonly threads?: number
  readonly onProgress?: (progress: Progress) => void
}

export interface BuildOptions extends LayoutOptions {
  readonly kind: ExtensionKind
  /** The folder with `usr/`, `opt/` or `etc/`. */
  readonly tree: string
  /** Image name; default the folder's name. */
  readonly name?: string
  /** Version of the extension, part of the derived seed and of the release file. */
  readonly version?: string
  readonly release?: ReleaseOptions
  readonly compression?: Compression
  /** Globs relative to the tree of what to leave out. */
  readonly exclude?: readonly string[]
  /** Keep the owners of the tree instead of 0:0. */
  readonly preserveOwner?: boolean
  /** Text of a metadata manifest, see `parseManifest`. */
  readonly manifest?: { readonly path: string; readonly text: string }
  /** Newest time stored, in seconds since the epoch. Default 0. */
  readonly sourceDateEpoch?: number
}

export interface WrapOptions extends LayoutOptions {
  /** An EROFS or squashfs file. */
  readonly filesystem: string
  /** Image name and version, from which the seed derives when none is given. */
  readonly name?: string
  readonly version?: string
}

export interface Progress {
  readonly step: 'scan' | 'read' | 'metadata' | 'hash' | 'sign' | 'sync'
  /** Bytes done and to do, where the step has a size. */
  readonly done: number
  readonly total: number
}

export interface PartitionResult {
  readonly label: string
  readonly uuid: string
  /** Byte offset and size in the image. */
  readonly offset: number
  readonly size: number
}

export interface ImageResult {
  readonly output: string
  readonly name: string
  /** Size of the image in bytes. */
  readonly size: number
  /** Size of the file system in bytes. */
  readonly filesystemSize: number
  readonly rootHash: string
  readonly seed: string
  readonly architecture: string
  readonly sectorSize: number
  readonly partitions: readonly PartitionResult[]
  readonly signed: boolean
  /** SHA-256 of the signing certificate, when signed. */
  readonly certificateFingerprint?: string
  readonly sidecars: readonly string[]
  readonly warnings: readonly string[]
}

export interface BuildResult extends ImageResult {
  readonly kind: ExtensionKind
  /** Fields of the extension-release file in the image, in order, and where each came from. */
  readonly release: readonly StampedField[]
  /** File names under which systemd accepts the image. */
  readonly loadsAs: readonly LoadableName[]
  /** Whether this host could read extended attributes, and why not. */
  readonly xattrs: { readonly read: boolean; readonly reason?: string }
  /** Number of inodes and bytes of content packed. */
  readonly files: number
  readonly contentSize: number
}
