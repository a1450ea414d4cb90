/**
 * Finds the sector size a partition table was made for: it is written nowhere, but the header
 * stands in the second sector.
 *
 * See systemd src/shared/gpt.c (the same probe) and UEFI 2.10 §5.3.2 (the backup header).
 */

import { equalBytes } from '../../bytes/equal.ts'
import type { Source } from '../../bytes/source.ts'
import { decode } from '../../bytes/struct.ts'
import { FormatError } from '../../errors.ts'
import { GptHeader, HEADER_SIGNATURE, REVISION, SECTOR_SIZES, type SectorSize } from './layout.ts'

/** Below this size systemd does not look for a partition table. */
const MIN_SIZE = 8192

/**
 * The sector size, from the primary header or, where that is broken, from the backup in the last
 * sector.
 *
 * @throws FormatError BAD_MAGIC where there is no header, BAD_VALUE where there are several.
 */
export async function probeSectorSize(source: Source): Promise<SectorSize> {
  if (source.size < MIN_SIZE) {
    throw new FormatError('gpt', 'TRUNCATED', `a disk of ${source.size} bytes holds no table`)
  }
  const head = await source.read(0, MIN_SIZE)
  const hits = SECTOR_SIZES.filter((size) => isHeader(head.subarray(size), 1))
  if (hits.length > 1) {
    throw new FormatError('gpt', 'BAD_VALUE', `headers for sector sizes ${hits.join(' and ')}`)
  }
  if (hits[0] !== undefined) return hits[0]
  // Where it finds none, systemd takes sectors of 512 bytes, and libblkid looks at no revision.
  if (equalBytes(head.subarray(512, 520), HEADER_SIGNATURE)) return 512
  for (const size of SECTOR_SIZES) {
    const lba = Math.floor(source.size / size) - 1
    if (isHeader(await source.read(lba * size, GptHeader.size), lba)) return size
  }
  throw new FormatError('gpt', 'BAD_MAGIC', 'header signature missing', { offset: 512 })
}

/** Whether `bytes` begin with the header of sector `lba`, as systemd looks for it. */
export function isHeader(bytes: Uint8Array, lba: number): boolean {
  const header = decode(GptHeader, bytes)
  return (
    equalBytes(header.signature, HEADER_SIGNATURE) &&
    header.revision === REVISION &&
    header.headerSize >= GptHeader.size &&
    header.headerSize <= 4096 &&
    header.myLba === BigInt(lba)
  )
}
