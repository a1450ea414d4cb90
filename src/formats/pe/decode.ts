/**
 * Opens PE files: headers and section table, nothing else is read.
 *
 * See systemd src/boot/pe.c and src/shared/pe-binary.c for what readers look at. Every offset is
 * checked against the file before it is used.
 */

import { readRange, type Source } from '../../bytes/source.ts'
import { decode, type Infer, viewOf } from '../../bytes/struct.ts'
import { FormatError } from '../../errors.ts'
import {
  CERTIFICATE_DIRECTORY,
  DIRECTORY_SIZE,
  DOS_HEADER_SIZE,
  DOS_MAGIC,
  FileHeader,
  FORMAT,
  OPTIONAL_MAGIC,
  OptionalOffset,
  PE_MAGIC,
  PE_OFFSET_FIELD,
  SectionHeader,
} from './layout.ts'

/** A section by its header. */
export interface PeSection {
  /** Position in the section table. */
  readonly index: number
  /** Up to 8 bytes as Latin-1, without the zeros behind them. */
  readonly name: string
  /** Bytes in memory. */
  readonly virtualSize: number
  readonly virtualAddress: number
  /** Bytes in the file, padding included. */
  readonly rawSize: number
  /** Where they are in the file; without meaning where there are none. */
  readonly rawOffset: number
  readonly characteristics: number
  /** Where the section's own header is in the file. */
  readonly headerOffset: number
}

/** A range of the file. */
export interface FileRange {
  readonly offset: number
  readonly size: number
}

/** A PE file as far as its headers say. */
export interface PeFile {
  readonly source: Source
  readonly format: 'pe32' | 'pe32plus'
  /** IMAGE_FILE_MACHINE; `MACHINES` has the names. */
  readonly machine: number
  readonly subsystem: number
  /** In the order of the section table. */
  readonly sections: readonly PeSection[]
  /** Size of the file's beginning that holds all headers. */
  readonly headersSize: number
  /** Sections start at multiples of it in memory. */
  readonly sectionAlignment: number
  readonly optionalOffset: number
  readonly checksumOffset: number
  /** Where the entry of the certificate table is; absent where there are too few directories. */
  readonly certificateEntryOffset: number | undefined
  /** Authenticode signatures; absent where there are none. */
  readonly certificateTable: FileRange | undefined
}

/** Far more than 256 profiles have, and 160 KiB of headers. */
const MAX_SECTIONS = 4096
/** Up to and with the subsystem. */
const MIN_OPTIONAL_SIZE = 70

/**
 * Reads the headers of a PE file.
 *
 * @throws FormatError where it is none, or something in it points outside the file.
 */
export async function openPe(source: Source): Promise<PeFile> {
  const offset = await findPeHeader(source)
  const header = decode(
    FileHeader,
    await readRange(source, offset, FileHeader.size, FORMAT, 'header'),
  )
  if (header.signature !== PE_MAGIC) throw bad('BAD_MAGIC', 'no signature "PE"', offset)
  const optionalOffset = offset + FileHeader.size
  const { numberOfSections: count, sizeOfOptionalHeader: optionalSize } = header
  if (count > MAX_SECTIONS) {
    throw bad('TOO_LARGE', `${count} sections, at most ${MAX_SECTIONS} are read`, offset + 6)
  }
  const optional = await readRange(source, optionalOffset, optionalSize, FORMAT, 'optional header')
  const fields = readOptionalHeader(optional, optionalOffset, source.size)
  const tableOffset = optionalOffset + optionalSize
  const tableSize = count * SectionHeader.size
  const table = await readRange(source, tableOffset, tableSize, FORMAT, 'section table')
  if (fields.headersSize < tableOffset + tableSize) {
    const found = `headers of ${fields.headersSize} bytes end before the section table does`
    throw bad('OUT_OF_RANGE', found, optionalOffset + OptionalOffset.sizeOfHeaders)
  }
  return {
    source,
    machine: header.machine,
    ...fields,
    sections: Array.from({ length: count }, (_, index) => {
      const at = index * SectionHeader.size
      return readSection(decode(SectionHeader, table, at), index, tableOffset + at, source.size)
    }),
  }
}

async function findPeHeader(source: Source): Promise<number> {
  const dos = viewOf(await readRange(source, 0, DOS_HEADER_SIZE, FORMAT, 'DOS header'))
  if (dos.getUint16(0, true) !== DOS_MAGIC) throw bad('BAD_MAGIC', 'no signature "MZ"', 0)
  const offset = dos.getUint32(PE_OFFSET_FIELD, true)
  if (offset >= DOS_HEADER_SIZE) return offset
  throw bad('OUT_OF_RANGE', `PE header at ${offset}, inside the DOS header`, PE_OFFSET_FIELD)
}

type OptionalFields = Omit<PeFile, 'source' | 'machine' | 'sections'>

function readOptionalHeader(bytes: Uint8Array, at: number, fileSize: number): OptionalFields {
  if (bytes.length < MIN_OPTIONAL_SIZE) {
    throw bad('TRUNCATED', `optional header of ${bytes.length} bytes`, at)
  }
  const view = viewOf(bytes)
  const magic = view.getUint16(0, true)
  const format = magic === OPTIONAL_MAGIC.pe32 ? 'pe32' : 'pe32plus'
  if (magic !== OPTIONAL_MAGIC[format]) {
    throw bad('BAD_MAGIC', `optional header is of kind 0x${magic.toString(16)}`, at)
  }
  const headersSize = view.getUint32(OptionalOffset.sizeOfHeaders, true)
  if (headersSize > fileSize) {
    const found = `headers of ${headersSize} bytes in a file of ${fileSize}`
    throw bad('TRUNCATED', found, at + OptionalOffset.sizeOfHeaders)
  }
  const entry = findCertificateEntry(view, format)
  return {
    format,
    subsystem: view.getUint16(OptionalOffset.subsystem, true),
    headersSize,
    sectionAlignment: readAlignment(view, at),
    optionalOffset: at,
    checksumOffset: at + OptionalOffset.checkSum,
    certificateEntryOffset: entry === undefined ? undefined : at + entry,
    certificateTable:
      entry === undefined ? undefined : readCertificateTable(view, entry, at, fileSize),
  }
}

/** A power of two, as the specification demands. */
function readAlignment(view: DataView, at: number): number {
  const alignment = view.getUint32(OptionalOffset.sectionAlignment, true)
  if (alignment > 0 && (alignment & (alignment - 1)) === 0) return alignment
  const found = `section alignment ${alignment} is no power of two`
  throw bad('BAD_VALUE', found, at + OptionalOffset.sectionAlignment)
}

function findCertificateEntry(view: DataView, format: PeFile['format']): number | undefined {
  const countOffset = OptionalOffset.directoryCount[format]
  if (view.byteLength < countOffset + 4) return undefined
  const entry = OptionalOffset.directories[format] + CERTIFICATE_DIRECTORY * DIRECTORY_SIZE
  const isThere = view.getUint32(countOffset, true) > CERTIFICATE_DIRECTORY
  return isThere && view.byteLength >= entry + DIRECTORY_SIZE ? entry : undefined
}

/** The one directory whose address is an offset in the file. */
function readCertificateTable(
  view: DataView,
  entry: number,
  at: number,
  fileSize: number,
): FileRange | undefined {
  const offset = view.getUint32(entry, true)
  const size = view.getUint32(entry + 4, true)
  if (size === 0) return undefined
  if (offset + size <= fileSize) return { offset, size }
  const found = `certificate table at ${offset} of ${size} bytes, the file ends at ${fileSize}`
  throw bad('TRUNCATED', found, at + entry)
}

function readSection(
  header: Infer<typeof SectionHeader>,
  index: number,
  headerOffset: number,
  fileSize: number,
): PeSection {
  const { virtualSize, virtualAddress, sizeOfRawData, pointerToRawData, characteristics } = header
  const name = readName(header.name)
  // Firmware reads the last byte of each section before it starts the program.
  if (sizeOfRawData > 0 && pointerToRawData + sizeOfRawData > fileSize) {
    const place = `section ${JSON.stringify(name)} at ${pointerToRawData}`
    const found = `${place} of ${sizeOfRawData} bytes, the file ends at ${fileSize}`
    throw bad('TRUNCATED', found, headerOffset)
  }
  if (virtualAddress + virtualSize > 0xffffffff) {
    const found = `section ${JSON.stringify(name)} goes beyond 4 GiB of memory`
    throw bad('OUT_OF_RANGE', found, headerOffset)
  }
  return {
    index,
    name,
    virtualSize,
    virtualAddress,
    rawSize: sizeOfRawData,
    rawOffset: pointerToRawData,
    characteristics,
    headerOffset,
  }
}

function readName(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  const text = end < 0 ? bytes : bytes.subarray(0, end)
  return Array.from(text, (byte) => String.fromCharCode(byte)).join('')
}

function bad(code: FormatError['code'], message: string, offset: number): FormatError {
  return new FormatError(FORMAT, code, message, { offset })
}
