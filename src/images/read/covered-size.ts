/** How much of a partition is mounted. */

import type { VeritySuperblock } from '../../formats/verity/superblock.ts'
import { type Attempt, resultOf } from './attempt.ts'

/** Bytes of the device that is mounted: what the hash tree covers, or the whole partition without one. */
export function coveredSize(
  data: { readonly size: number },
  superblock: Attempt<VeritySuperblock> | undefined,
): number {
  const verity = resultOf(superblock)
  return verity ? verity.dataBlocks * verity.dataBlockSize : data.size
}
