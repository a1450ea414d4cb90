/** EROFS file systems: read them, examine them, and the pieces from which one is written. */

export { checkErofs, type ErofsProblem } from './check.ts'
export { type Erofs, openErofs } from './decode.ts'
export { isDot } from './decode-directory.ts'
export type { Inode, InodeKind } from './decode-inode.ts'
export { dumpErofs } from './dump.ts'
export type { DirectoryEntry } from './encode-directory.ts'
export type { Extent } from './extent.ts'
export type { Piece } from './read-data.ts'
export { pathComponents, type WalkEntry } from './walk.ts'
