/** The content of a section as it is in memory: its bytes, then zeros up to its virtual size. */

import { concatAll } from '../../bytes/concat.ts'
import { FormatError } from '../../errors.ts'
import type { FileRange, PeFile, PeSection } from './decode.ts'
import { FORMAT } from './layout.ts'

/** How the content of a section comes about: a range of the file, and zeros behind it. */
export interface SectionExtent extends FileRange {
  readonly zeros: number
}

const CHUNK_SIZE = 1024 * 1024
/** As systemd: more than this is no section that anybody measures. */
const MAX_ZEROS = 64 * 1024 * 1024

/** Where the content is. @throws FormatError where there are more zeros than anybody would fill in. */
export function sectionExtent(section: PeSection): SectionExtent {
  const size = Math.min(section.virtualSize, section.rawSize)
  const zeros = section.virtualSize - size
  if (zeros <= MAX_ZEROS) return { offset: section.rawOffset, size, zeros }
  const found = `section ${JSON.stringify(section.name)} has ${zeros} bytes that are not in the file`
  throw new FormatError(FORMAT, 'TOO_LARGE', `${found}, at most ${MAX_ZEROS}`, {
    offset: section.headerOffset,
  })
}

/**
 * The content in pieces: `virtualSize` bytes.
 *
 * @throws FormatError as {@link sectionExtent}.
 */
export async function* sectionContent(
  { source }: Pick<PeFile, 'source'>,
  section: PeSection,
): AsyncGenerator<Uint8Array> {
  const { offset, size, zeros } = sectionExtent(section)
  for (let done = 0; done < size; done += CHUNK_SIZE) {
    yield await source.read(offset + done, Math.min(CHUNK_SIZE, size - done))
  }
  const nothing = new Uint8Array(Math.min(CHUNK_SIZE, zeros))
  for (let done = 0; done < zeros; done += CHUNK_SIZE) {
    yield nothing.subarray(0, Math.min(CHUNK_SIZE, zeros - done))
  }
}

/**
 * The whole content of a section that is small.
 *
 * @throws FormatError where it has more than `maximum` bytes.
 */
export async function readSection(
  pe: Pick<PeFile, 'source'>,
  section: PeSection,
  maximum: number,
): Promise<Uint8Array> {
  if (section.virtualSize > maximum) {
    const found = `section ${JSON.stringify(section.name)} has ${section.virtualSize} bytes`
    throw new FormatError(FORMAT, 'TOO_LARGE', `${found}, at most ${maximum} are read`, {
      offset: section.headerOffset,
    })
  }
  const parts: Uint8Array[] = []
  for await (const part of sectionContent(pe, section)) parts.push(part)
  return concatAll(parts)
}
