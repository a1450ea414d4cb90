/** EROFS file systems: read them, examine them, and the pieces from which one is written. */

export { checkErofs, type ErofsProblem } from './check/check.ts'
export { dumpErofs } from './dump.ts'
export { isDot } from './read/decode-directory.ts'
export type { Inode, InodeKind } from './read/decode-inode.ts'
export type { Extent } from './read/extent.ts'
export { type Erofs, openErofs } from './read/open.ts'
export type { Piece } from './read/read-data.ts'
export { pathComponents, type WalkEntry } from './read/walk.ts'
export type { DirectoryEntry } from './write/encode-directory.ts'
