/** PE files written for tests, without help of the decoder under test. */

export interface MadeSection {
  readonly name: string
  readonly content?: Uint8Array | string
  /** By default the size of the content. */
  readonly virtualSize?: number
  /** Bytes in the file; by default the content rounded up to 512. */
  readonly rawSize?: number
}

export interface PeOptions {
  readonly machine?: number
  readonly subsystem?: number
  readonly format?: 'pe32' | 'pe32plus'
  /** Certificate table put at the end. */
  readonly certificates?: Uint8Array
}

const FILE_ALIGNMENT = 512
const SECTION_ALIGNMENT = 4096
const PE_OFFSET = 0x80
const HEADERS = 4096

/** A PE file with these sections, in this order. */
export function makePe(sections: readonly MadeSection[], options: PeOptions = {}): Uint8Array {
  const { machine = 0x8664, subsystem = 10, format = 'pe32plus', certificates } = options
  const optionalSize = format === 'pe32' ? 224 : 240
  const header = new Uint8Array(HEADERS)
  const view = new DataView(header.buffer)
  view.setUint16(0, 0x5a4d, true)
  view.setUint32(0x3c, PE_OFFSET, true)
  view.setUint32(PE_OFFSET, 0x4550, true)
  view.setUint16(PE_OFFSET + 4, machine, true)
  view.setUint16(PE_OFFSET + 6, sections.length, true)
  view.setUint16(PE_OFFSET + 20, optionalSize, true)
  const optional = PE_OFFSET + 24
  view.setUint16(optional, format === 'pe32' ? 0x10b : 0x20b, true)
  view.setUint32(optional + 32, SECTION_ALIGNMENT, true)
  view.setUint32(optional + 36, FILE_ALIGNMENT, true)
  view.setUint32(optional + 60, HEADERS, true)
  view.setUint32(optional + 64, 0x12345678, true)
  view.setUint16(optional + 68, subsystem, true)
  view.setUint32(optional + (format === 'pe32' ? 92 : 108), 16, true)
  const parts: Uint8Array[] = [header]
  let fileOffset = HEADERS
  let address = SECTION_ALIGNMENT
  for (const [index, section] of sections.entries()) {
    const content = bytesOf(section.content ?? '')
    const virtualSize = section.virtualSize ?? content.length
    const rawSize = section.rawSize ?? Math.ceil(content.length / FILE_ALIGNMENT) * FILE_ALIGNMENT
    const at = optional + optionalSize + index * 40
    header.set(bytesOf(section.name).subarray(0, 8), at)
    view.setUint32(at + 8, virtualSize, true)
    view.setUint32(at + 12, address, true)
    view.setUint32(at + 16, rawSize, true)
    view.setUint32(at + 20, rawSize > 0 ? fileOffset : 0, true)
    const raw = new Uint8Array(rawSize)
    raw.set(content.subarray(0, rawSize))
    parts.push(raw)
    fileOffset += rawSize
    address += Math.max(1, Math.ceil(virtualSize / SECTION_ALIGNMENT)) * SECTION_ALIGNMENT
  }
  view.setUint32(optional + 56, address, true)
  if (certificates) {
    const entry = optional + (format === 'pe32' ? 128 : 144)
    view.setUint32(entry, fileOffset, true)
    view.setUint32(entry + 4, certificates.length, true)
    parts.push(certificates)
  }
  return new Uint8Array(Buffer.concat(parts))
}

/** What systemd puts into `.sdmagic` of a stub of this version. */
export function magicOf(version: string, program = 'systemd-stub'): MadeSection {
  return { name: '.sdmagic', content: `#### LoaderInfo: ${program} ${version} ####\0` }
}

/** A UKI: the stub's own section, `.osrel` and `.linux`, and what else there is. */
export function makeUki(
  sections: readonly MadeSection[] = [],
  options: PeOptions & { readonly stub?: string } = {},
): Uint8Array {
  const stub = options.stub ?? '262.1'
  return makePe(
    [
      magicOf(stub),
      { name: '.osrel', content: 'ID=test\n' },
      { name: '.linux', content: 'HALLO\n' },
      ...sections,
    ],
    options,
  )
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content
}
