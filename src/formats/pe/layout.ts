/** Headers of PE files: Microsoft PE/COFF specification, as far as UEFI and systemd look at them. */

import { bytes, struct, u16le, u32le } from '../../bytes/struct.ts'

export const FORMAT = 'pe'

/** `MZ`: the header of DOS, of which only this and the place of the next header matter. */
export const DOS_MAGIC = 0x5a4d
export const DOS_HEADER_SIZE = 64
/** Where the DOS header says the offset of the PE header. */
export const PE_OFFSET_FIELD = 0x3c

/** `PE\0\0`. */
export const PE_MAGIC = 0x00004550

/** Signature and COFF file header, §2.3 and §3.3. */
export const FileHeader = struct({
  signature: u32le,
  machine: u16le,
  numberOfSections: u16le,
  timeDateStamp: u32le,
  pointerToSymbolTable: u32le,
  numberOfSymbols: u32le,
  sizeOfOptionalHeader: u16le,
  characteristics: u16le,
})

/** Optional header magic of PE32 and PE32+. */
export const OPTIONAL_MAGIC = { pe32: 0x10b, pe32plus: 0x20b } as const

/** Offsets in the optional header, §3.4; those that differ between PE32 and PE32+ are in a pair. */
export const OptionalOffset = {
  sectionAlignment: 32,
  sizeOfImage: 56,
  sizeOfHeaders: 60,
  checkSum: 64,
  subsystem: 68,
  directoryCount: { pe32: 92, pe32plus: 108 },
  directories: { pe32: 96, pe32plus: 112 },
} as const

/** Bytes of an entry of the data directories, and which of them is the certificate table. */
export const DIRECTORY_SIZE = 8
export const CERTIFICATE_DIRECTORY = 4

/** Section header, §4. */
export const SectionHeader = struct({
  name: bytes(8),
  virtualSize: u32le,
  virtualAddress: u32le,
  sizeOfRawData: u32le,
  pointerToRawData: u32le,
  pointerToRelocations: u32le,
  pointerToLinenumbers: u32le,
  numberOfRelocations: u16le,
  numberOfLinenumbers: u16le,
  characteristics: u32le,
})

/** IMAGE_SUBSYSTEM_EFI_APPLICATION, which boot loaders, UKIs and addons are. */
export const SUBSYSTEM_EFI_APPLICATION = 10

/** IMAGE_FILE_MACHINE of the machines UEFI runs on, by systemd's names. */
export const MACHINES: ReadonlyMap<number, string> = new Map([
  [0x014c, 'x86'],
  [0x8664, 'x86-64'],
  [0x01c2, 'arm'],
  [0xaa64, 'arm64'],
  [0x5032, 'riscv32'],
  [0x5064, 'riscv64'],
  [0x6232, 'loongarch32'],
  [0x6264, 'loongarch64'],
])
