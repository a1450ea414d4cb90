/**
 * Where the parts of a partition table lie on a disk of a given size, as libfdisk places them.
 *
 * See util-linux libfdisk/src/alignment.c and gpt.c.
 */

import { ENTRY_COUNT, PartitionEntry, type SectorSize } from './layout.ts'

const MEBIBYTE = 1024 * 1024
const ENTRY_ARRAY_SIZE = ENTRY_COUNT * PartitionEntry.size

/** Positions in sectors (LBA) of a table with 128 entries. */
export interface GptGeometry {
  readonly sectors: number
  /** Sectors of one entry array. */
  readonly arraySectors: number
  readonly firstUsableLba: number
  /** Inclusive. */
  readonly lastUsableLba: number
  readonly backupArrayLba: number
  readonly backupHeaderLba: number
}

/** The geometry of a file of `imageSize` bytes. */
export function gptGeometry(imageSize: number, sectorSize: SectorSize): GptGeometry {
  const sectors = Math.floor(imageSize / sectorSize)
  const arraySectors = ENTRY_ARRAY_SIZE / sectorSize
  const mebibyte = MEBIBYTE / sectorSize
  return {
    sectors,
    arraySectors,
    // libfdisk keeps the first mebibyte free only where it is less than a quarter of the disk.
    firstUsableLba: sectors > 4 * mebibyte ? mebibyte : 2 + arraySectors,
    lastUsableLba: sectors - 2 - arraySectors,
    backupArrayLba: sectors - 1 - arraySectors,
    backupHeaderLba: sectors - 1,
  }
}
