/**
 * The file tree as a value: what an image will contain, wherever it came from.
 *
 * Directories are sorted by name in byte order. Two entries that hold the very same node object
 * are hard links of one file.
 */

/** A point in time, as stored in an inode. */
export interface Time {
  /** Seconds since the epoch; may be negative. */
  readonly seconds: number
  /** 0 … 999 999 999. */
  readonly nanoseconds: number
}

/** What every node carries besides its content. */
export interface Metadata {
  /** Permission bits, 0 … 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: Time
  /** Full attribute name (`user.…`, `security.…`) to value, sorted by name. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>
}

/** Where the bytes of a regular file come from. */
export type Content = BytesContent | FileContent

export interface BytesContent {
  readonly kind: 'bytes'
  readonly size: number
  readonly bytes: Uint8Array
}

/** A file on the build host, identified so that a change between scan and read is noticed. */
export interface FileContent {
  readonly kind: 'file'
  readonly size: number
  /** Path for `open`; bytes where the name is not valid UTF-8. */
  readonly path: string | Uint8Array
  readonly identity: FileIdentity
}

/** What `fstat` said when the tree was scanned; any difference later means the file changed. */
export interface FileIdentity {
  readonly device: bigint
  readonly inode: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}

export interface DirectoryNode {
  readonly kind: 'directory'
  readonly metadata: Metadata
  readonly entries: readonly TreeEntry[]
}

export interface FileNode {
  readonly kind: 'file'
  readonly metadata: Metadata
  readonly content: Content
}

export interface SymlinkNode {
  readonly kind: 'symlink'
  readonly metadata: Metadata
  readonly target: Uint8Array
}

export interface DeviceNode {
  readonly kind: 'character-device' | 'block-device'
  readonly metadata: Metadata
  readonly major: number
  readonly minor: number
}

export interface SpecialNode {
  readonly kind: 'fifo' | 'socket'
  readonly metadata: Metadata
}

export type TreeNode = DirectoryNode | FileNode | SymlinkNode | DeviceNode | SpecialNode

export interface TreeEntry {
  /** One path component: 1 … 255 bytes, no NUL, no slash. */
  readonly name: Uint8Array
  readonly node: TreeNode
}
