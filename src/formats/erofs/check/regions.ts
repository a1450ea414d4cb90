/** Which bytes of an image are used for what, and what is wrong with that. */

import { readRange, type Source } from '../../../bytes/source.ts'
import { EROFS } from '../layout.ts'

/** A run of bytes that belongs to something. */
export interface Region {
  readonly start: number
  /** Exclusive. */
  readonly end: number
  /** What lies there, for example `inode 12`. */
  readonly owner: string
  /** May lie on other regions that may: content and xattrs that several inodes have. */
  readonly shared: boolean
}

export interface RegionProblem {
  readonly offset: number
  readonly message: string
}

/** Bytes compared with zero at once. */
const PIECE_SIZE = 1024 * 1024

/** Regions that overlap, and bytes outside of all regions that are not zero. */
export async function* checkRegions(
  source: Source,
  regions: readonly Region[],
): AsyncGenerator<RegionProblem> {
  const sorted = regions.toSorted((a, b) => a.start - b.start || a.end - b.end)
  let covered = 0
  let last: Region | undefined
  for (const region of sorted) {
    if (last && region.start < last.end && !(last.shared && region.shared)) {
      const message = `${region.owner} lies in ${last.owner}`
      yield { offset: region.start, message }
    }
    if (region.start > covered) yield* checkGap(source, covered, region.start)
    covered = Math.max(covered, region.end)
    if (!last || region.end > last.end) last = region
  }
  yield* checkGap(source, covered, source.size)
}

async function* checkGap(
  source: Source,
  start: number,
  end: number,
): AsyncGenerator<RegionProblem> {
  for (let offset = start; offset < end; offset += PIECE_SIZE) {
    const size = Math.min(PIECE_SIZE, end - offset)
    const bytes = await readRange(source, offset, size, EROFS, 'unused space')
    const stray = bytes.findIndex((byte) => byte !== 0)
    if (stray < 0) continue
    yield { offset: offset + stray, message: 'unused space that is not zero' }
    return
  }
}
