/** dm-verity: superblock, geometry and hash tree. */

export { DIGEST_SIZE, type HashTree, HashTreeBuilder, VERITY_BLOCK_SIZE } from './hash-tree.ts'
export {
  decodeVeritySuperblock,
  encodeVeritySuperblock,
  VERITY_SUPERBLOCK_SIZE,
  type VeritySuperblock,
} from './superblock.ts'
export { type TreeGeometry, type TreeLevel, treeGeometry } from './tree-geometry.ts'
