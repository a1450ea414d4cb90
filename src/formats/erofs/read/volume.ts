/** An open file system: what every part of the reader needs at hand. */

import { cachedSource } from '../../../bytes/cached-source.ts'
import { narrow } from '../../../bytes/narrow.ts'
import type { Source } from '../../../bytes/source.ts'
import { EROFS, INCOMPAT } from '../layout.ts'
import { type Budgets, budgetsFor } from './budget.ts'
import { ClusterCache } from './cluster-cache.ts'
import { type Inode, readInode } from './decode-inode.ts'
import { type DecodedSuperblock, decodeSuperblock, hasFeature } from './decode-superblock.ts'

export interface Volume extends DecodedSuperblock {
  /** The image. */
  readonly source: Source
  /** The same bytes, remembering what was read lately: for inodes, directories and indexes. */
  readonly metadata: Source
  /** The inode that holds the fragments of other files. */
  readonly packed: Inode | undefined
  readonly clusters: ClusterCache
  readonly budgets: Budgets
  /** Content is read that is part of the file system itself: see {@link Budgets.decoded}. */
  readonly isMetadata: boolean
  /** Whether a bit of `INCOMPAT` is set. */
  has(bit: number): boolean
}

/** @throws FormatError where `source` is not an EROFS file system we can read. */
export async function openVolume(source: Source): Promise<Volume> {
  const superblock = await decodeSuperblock(source)
  const volume: Volume = {
    ...superblock,
    source,
    metadata: cachedSource(source),
    packed: undefined,
    clusters: new ClusterCache(),
    budgets: budgetsFor(source.size),
    isMetadata: false,
    has: (bit) => hasFeature(superblock.fields, bit),
  }
  const { packedNid } = superblock.fields
  if (!volume.has(INCOMPAT.FRAGMENTS) || packedNid === 0n) return volume
  return { ...volume, packed: await readInode(volume, narrow(packedNid, EROFS, 'packed_nid')) }
}
