/** Changes to a PE file that move nothing: where bytes change, and to what. */

import { alignUp } from '../../bytes/align.ts'
import { encode, u32le } from '../../bytes/struct.ts'
import { FormatError } from '../../errors.ts'
import type { PeFile, PeSection } from './decode.ts'
import { DIRECTORY_SIZE, FORMAT, OptionalOffset, SectionHeader } from './layout.ts'

/** Bytes that take the place of as many others. */
export interface Patch {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Bytes that a section has room for: what it has in the file, unless the next one is too near in memory. */
export function sectionRoom(pe: PeFile, section: PeSection): number {
  const next = pe.sections
    .filter(({ virtualAddress }) => virtualAddress > section.virtualAddress)
    .map(({ virtualAddress }) => virtualAddress - section.virtualAddress)
  return Math.min(section.rawSize, ...next)
}

/**
 * Gives sections another content, with zeros behind it. The checksum is cleared: UEFI never looks at
 * it, and a wrong one would be worse than none.
 *
 * @throws FormatError TOO_LARGE where one has no room for it.
 */
export function replaceContents(
  pe: PeFile,
  contents: ReadonlyMap<PeSection, Uint8Array>,
): readonly Patch[] {
  const patches = [...contents].flatMap(([section, content]): Patch[] => {
    const room = sectionRoom(pe, section)
    if (content.length > room) {
      const message = `${content.length} bytes for section ${section.name}, which has ${room}`
      throw new FormatError(FORMAT, 'TOO_LARGE', message, { offset: section.headerOffset })
    }
    const raw = new Uint8Array(section.rawSize)
    raw.set(content)
    const sizeOffset = section.headerOffset + SectionHeader.offsets.virtualSize
    return [
      { offset: section.rawOffset, bytes: raw },
      { offset: sizeOffset, bytes: encode(u32le, content.length) },
    ]
  })
  const end = pe.sections.reduce((last, section) => {
    const size = contents.get(section)?.length ?? section.virtualSize
    return Math.max(last, section.virtualAddress + size)
  }, 0)
  const sizeOfImage = alignUp(end, pe.sectionAlignment)
  return [
    ...patches,
    { offset: pe.optionalOffset + OptionalOffset.sizeOfImage, bytes: encode(u32le, sizeOfImage) },
    { offset: pe.checksumOffset, bytes: new Uint8Array(4) },
  ]
}

/** What takes an Authenticode signature off, and the size of the file without it. */
export function stripCertificates(pe: PeFile): {
  readonly patches: readonly Patch[]
  readonly size: number
} {
  const { certificateTable: table, certificateEntryOffset: entry } = pe
  if (!table || entry === undefined) return { patches: [], size: pe.source.size }
  if (alignUp(table.offset + table.size, 8) < pe.source.size) {
    const message = 'something follows the certificate table, which can only be cut off at the end'
    throw new FormatError(FORMAT, 'UNSUPPORTED', message, { offset: table.offset + table.size })
  }
  return {
    patches: [{ offset: entry, bytes: new Uint8Array(DIRECTORY_SIZE) }],
    size: table.offset,
  }
}
