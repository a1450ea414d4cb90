/**
 * What Authenticode hashes of a PE file: everything but the checksum, the entry of the certificate
 * table, and that table. Firmware measures this hash into PCR 4.
 *
 * See Microsoft, Windows Authenticode Portable Executable Signature Format, "Calculating the PE
 * Image Hash", and systemd src/shared/pe-binary.c, which pads the end to 8 bytes.
 */

import { alignUp } from '../../bytes/align.ts'
import { type DigestAlgorithm, startDigest } from '../../crypto/digest.ts'
import { FormatError } from '../../errors.ts'
import type { FileRange, PeFile } from './decode.ts'
import { DIRECTORY_SIZE, FORMAT } from './layout.ts'

const CHUNK_SIZE = 1024 * 1024
const CHECKSUM_SIZE = 4
const ALIGNMENT = 8

/** Ranges of the file in the order in which they are hashed, and the zeros behind them. */
export interface AuthenticodeExtent {
  readonly ranges: readonly FileRange[]
  readonly zeros: number
}

/**
 * Which bytes are hashed.
 *
 * @throws FormatError where the file's parts lie in each other, and hashing depends on the reader.
 */
export function authenticodeExtent(pe: PeFile): AuthenticodeExtent {
  const sections = pe.sections
    .filter(({ rawSize }) => rawSize > 0)
    .map(({ rawOffset, rawSize }) => ({ offset: rawOffset, size: rawSize }))
    .sort((a, b) => a.offset - b.offset)
  assertApart(sections, pe)
  const hashed = pe.headersSize + sections.reduce((sum, { size }) => sum + size, 0)
  const end = pe.source.size - (pe.certificateTable?.size ?? 0)
  const rest = { offset: hashed, size: Math.max(0, end - hashed) }
  return {
    ranges: [...headerRanges(pe), ...sections, rest].filter(({ size }) => size > 0),
    zeros: alignUp(pe.source.size, ALIGNMENT) - pe.source.size,
  }
}

/** The Authenticode hash. @throws FormatError as {@link authenticodeExtent}. */
export async function authenticodeDigest(
  pe: PeFile,
  algorithm: DigestAlgorithm,
): Promise<Uint8Array> {
  const { ranges, zeros } = authenticodeExtent(pe)
  const digest = startDigest(algorithm)
  for (const { offset, size } of ranges) {
    for (let done = 0; done < size; done += CHUNK_SIZE) {
      digest.update(await pe.source.read(offset + done, Math.min(CHUNK_SIZE, size - done)))
    }
  }
  digest.update(new Uint8Array(zeros))
  return digest.finish()
}

function headerRanges(pe: PeFile): FileRange[] {
  const afterChecksum = pe.checksumOffset + CHECKSUM_SIZE
  const entry = pe.certificateEntryOffset
  const edges =
    entry === undefined
      ? [0, pe.checksumOffset, afterChecksum, pe.headersSize]
      : [0, pe.checksumOffset, afterChecksum, entry, entry + DIRECTORY_SIZE, pe.headersSize]
  return edges.flatMap((start, index) =>
    index % 2 === 0 ? [{ offset: start, size: edges[index + 1]! - start }] : [],
  )
}

function assertApart(sections: readonly FileRange[], pe: PeFile): void {
  let end = pe.headersSize
  for (const { offset, size } of sections) {
    if (offset < end) {
      const found = `section data starts inside what ends at ${end}`
      throw new FormatError(FORMAT, 'OUT_OF_RANGE', found, { offset })
    }
    end = offset + size
  }
  const table = pe.certificateTable
  if (table && table.offset < end) {
    const found = `certificate table starts inside what ends at ${end}`
    throw new FormatError(FORMAT, 'OUT_OF_RANGE', found, { offset: table.offset })
  }
}
