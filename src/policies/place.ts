/**
 * Signatures placed into a finished UKI: into the `.pcrsig` that each profile has, where there is
 * room, without moving a byte. `.pcrsig` is not measured, so PCR 11 stays what was signed.
 */

import { encodeUtf8 } from '../bytes/utf8.ts'
import { PolicyError } from '../errors.ts'
import type { FileSource } from '../files/file-source.ts'
import { type LockedFile, withLock } from '../files/lock.ts'
import { createOutput, type Output } from '../files/output.ts'
import { createReplacement, isSameFile } from '../files/replace-file.ts'
import { formatJsonText } from '../formats/json-text.ts'
import {
  type BankedSignature,
  type PcrSignatureDocument,
  parsePcrSignatureDocument,
  placePcrSignatures,
} from '../formats/pcr-signature-document.ts'
import { readSection } from '../formats/pe/content.ts'
import type { PeFile, PeSection } from '../formats/pe/decode.ts'
import { type Patch, replaceContents, sectionRoom, stripCertificates } from '../formats/pe/patch.ts'
import type { UkiProfile } from '../formats/uki/profiles.ts'
import type { UkiFile } from './open-uki.ts'

/** What a profile gets. */
export interface ProfileSignatures {
  readonly profile: UkiProfile
  readonly signatures: readonly BankedSignature[]
}

export interface PlaceOptions {
  /**
   * A new file; or the file of the UKI itself, whose place it takes: with `force`, or as the file whose
   * lock is held.
   */
  readonly output: string | LockedFile
  /** Replace an existing file at the path `output`. */
  readonly force?: boolean | undefined
  /** Remove the Authenticode signature, which the change makes invalid. */
  readonly stripAuthenticode?: boolean | undefined
}

/** NUL, and the blanks of JSON. */
const PADDING = [0x00, 0x09, 0x0a, 0x0d, 0x20]

const MAX_SIGNATURES = 4 * 1024 * 1024
const CHUNK_SIZE = 1024 * 1024

/**
 * Reads what a `.pcrsig` holds.
 *
 * @throws FormatError where it is no JSON object.
 */
export async function readSignatureSection(
  pe: PeFile,
  section: PeSection,
): Promise<PcrSignatureDocument> {
  return parseSignatures(await readSection(pe, section, MAX_SIGNATURES))
}

/** The JSON in the bytes of a `.pcrsig`, which may hold nothing but padding: a place kept free. */
export function parseSignatures(bytes: Uint8Array): PcrSignatureDocument {
  const end = bytes.findLastIndex((byte) => !PADDING.includes(byte)) + 1
  return end === 0 ? {} : parsePcrSignatureDocument(bytes.subarray(0, end))
}

/**
 * Writes `uki` anew, with signatures in it.
 *
 * @throws PolicyError NO_ROOM where there is no `.pcrsig` or it is too small, SIGNED where an
 *   Authenticode signature would become invalid; FormatError, FileError.
 */
export async function placeSignatures(
  uki: UkiFile,
  profiles: readonly ProfileSignatures[],
  options: PlaceOptions,
): Promise<void> {
  const documents = new Map<PeSection, PcrSignatureDocument>()
  for (const [section, signatures] of groupBySection(profiles)) {
    const document = await readSignatureSection(uki.pe, section)
    documents.set(section, placePcrSignatures(document, signatures))
  }
  await writeSignatureSections(uki, documents, options)
}

/**
 * Writes `uki` anew, with these contents of its sections `.pcrsig`.
 *
 * @throws PolicyError NO_ROOM, SIGNED; FileError.
 */
export async function writeSignatureSections(
  uki: UkiFile,
  documents: ReadonlyMap<PeSection, PcrSignatureDocument>,
  options: PlaceOptions,
): Promise<void> {
  const { pe } = uki
  if (pe.certificateTable && !options.stripAuthenticode) throw alreadySigned()
  const contents = new Map<PeSection, Uint8Array>()
  for (const [section, document] of documents) {
    contents.set(section, textThatFits(document, section, sectionRoom(pe, section)))
  }
  const { patches, size } = stripCertificates(pe)
  await copyPatched(uki.file, size, [...replaceContents(pe, contents), ...patches], options)
}

/** Profiles without a `.pcrsig` of their own share that of the base. */
function groupBySection(
  profiles: readonly ProfileSignatures[],
): ReadonlyMap<PeSection, readonly BankedSignature[]> {
  const groups = new Map<PeSection, readonly BankedSignature[]>()
  for (const { profile, signatures } of profiles) {
    const section = profile.signatureSection
    if (!section) {
      throw new PolicyError('NO_ROOM', `profile ${profile.number} has no section .pcrsig`, {
        hint: 'ukify --policy-digest leaves room for signatures; without, write them to a file',
      })
    }
    groups.set(section, [...(groups.get(section) ?? []), ...signatures])
  }
  return groups
}

/** As ukify would write it, or without blanks where only that fits. */
function textThatFits(
  document: PcrSignatureDocument,
  section: PeSection,
  room: number,
): Uint8Array {
  const python = encodeUtf8(formatJsonText(document, 'python'))
  if (python.length <= room) return python
  const short = encodeUtf8(formatJsonText(document, 'short'))
  if (short.length <= room) return short
  throw new PolicyError(
    'NO_ROOM',
    `the signatures are ${short.length} bytes, .pcrsig at byte ${section.rawOffset} has room for ${room}`,
    { hint: 'fewer banks or phases need less; or write them to a file' },
  )
}

function alreadySigned(): PolicyError {
  const message = 'the UKI carries an Authenticode signature, which new content makes invalid'
  return new PolicyError('SIGNED', message, {
    hint: '--strip-authenticode removes it; sign the result for Secure Boot again',
  })
}

async function copyPatched(
  source: FileSource,
  size: number,
  patches: readonly Patch[],
  { output: target, force }: PlaceOptions,
): Promise<void> {
  const copy = (output: Output) => copyInto(output, source, size, patches)
  if (typeof target !== 'string') {
    await copy(await createReplacement(target, source.stamp))
  } else if (force && (await isSameFile(source.path, target))) {
    await withLock(target, async (file) => copy(await createReplacement(file, source.stamp)))
  } else {
    await copy(await createOutput(target, { force }))
  }
}

async function copyInto(
  output: Output,
  source: FileSource,
  size: number,
  patches: readonly Patch[],
): Promise<void> {
  try {
    for (let done = 0; done < size; done += CHUNK_SIZE) {
      await output.write(await source.read(done, Math.min(CHUNK_SIZE, size - done)), done)
    }
    for (const { offset, bytes } of patches) await output.write(bytes, offset)
    await output.commit()
  } catch (error) {
    await output.abort()
    throw error
  }
}
