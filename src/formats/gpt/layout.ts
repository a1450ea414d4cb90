/**
 * GUID partition table, revision 1.0: what the bytes are.
 *
 * See UEFI 2.10 §5.2.3 (protective MBR), §5.3.2 (header), §5.3.3 (entry).
 */

import {
  bytes,
  type Codec,
  guid,
  type Infer,
  struct,
  u8,
  u16le,
  u32le,
  u64le,
} from '../../bytes/struct.ts'

/** UTF-16LE text of at most `size / 2` units, NUL padded. */
function utf16le(size: number): Codec<string> {
  return {
    size,
    write(view, offset, value) {
      if (value.length * 2 > size) throw new RangeError(`${value.length} units in ${size} bytes`)
      for (let unit = 0; unit < size / 2; unit++) {
        view.setUint16(offset + unit * 2, unit < value.length ? value.charCodeAt(unit) : 0, true)
      }
    },
    read(view, offset) {
      let text = ''
      for (let unit = 0; unit < size / 2; unit++) {
        const code = view.getUint16(offset + unit * 2, true)
        if (code === 0) break
        text += String.fromCharCode(code)
      }
      return text
    },
  }
}

/** One of the four partition records of an MBR. */
export const MbrRecord = struct({
  bootIndicator: u8,
  startingChs: bytes(3),
  osType: u8, // 0xEE: protective
  endingChs: bytes(3),
  startingLba: u32le,
  sizeInLba: u32le,
})
export type MbrRecord = Infer<typeof MbrRecord>

/** The first 512 bytes of the file; the rest of the first sector is zero. */
export const ProtectiveMbr = struct({
  bootCode: bytes(440),
  diskSignature: u32le,
  unknown: u16le,
  record0: MbrRecord,
  record1: MbrRecord,
  record2: MbrRecord,
  record3: MbrRecord,
  signature: u16le, // 55 AA on disk
})
export type ProtectiveMbr = Infer<typeof ProtectiveMbr>

/** Header in the second and in the last sector; the rest of its sector is zero. */
export const GptHeader = struct({
  signature: bytes(8), // EFI PART
  revision: u32le,
  headerSize: u32le,
  headerCrc32: u32le, // over headerSize bytes with this field taken as zero
  reserved: u32le,
  myLba: u64le,
  alternateLba: u64le,
  firstUsableLba: u64le,
  lastUsableLba: u64le,
  diskGuid: guid,
  partitionEntryLba: u64le,
  numberOfEntries: u32le,
  sizeOfEntry: u32le,
  entriesCrc32: u32le,
})
export type GptHeader = Infer<typeof GptHeader>

/** One entry of the entry array. */
export const PartitionEntry = struct({
  typeGuid: guid,
  partitionGuid: guid,
  firstLba: u64le,
  lastLba: u64le, // inclusive
  attributes: u64le,
  name: utf16le(72),
})
export type PartitionEntry = Infer<typeof PartitionEntry>

/** "EFI PART". */
export const HEADER_SIGNATURE = Uint8Array.of(0x45, 0x46, 0x49, 0x20, 0x50, 0x41, 0x52, 0x54)
export const REVISION = 0x00010000
/** Entries in an array as everybody writes it: 16384 bytes. */
export const ENTRY_COUNT = 128
/** Sector sizes a reader tries, in this order. */
export const SECTOR_SIZES = [512, 1024, 2048, 4096] as const
export type SectorSize = (typeof SECTOR_SIZES)[number]

const EMPTY_RECORD: MbrRecord = {
  bootIndicator: 0,
  startingChs: new Uint8Array(3),
  osType: 0,
  endingChs: new Uint8Array(3),
  startingLba: 0,
  sizeInLba: 0,
}

/** The protective MBR of a disk of `sectors` sectors. */
export function protectiveMbr(sectors: number): ProtectiveMbr {
  return {
    bootCode: new Uint8Array(440),
    diskSignature: 0,
    unknown: 0,
    record0: {
      bootIndicator: 0,
      startingChs: Uint8Array.of(0x00, 0x02, 0x00),
      osType: 0xee,
      endingChs: Uint8Array.of(0xff, 0xff, 0xff),
      startingLba: 1,
      sizeInLba: Math.min(sectors - 1, 0xffffffff),
    },
    record1: EMPTY_RECORD,
    record2: EMPTY_RECORD,
    record3: EMPTY_RECORD,
    signature: 0xaa55,
  }
}

/** GPT attribute bits that discoverable partitions use, UAPI.2. */
export const ATTRIBUTE_GROWFS = 1n << 59n
export const ATTRIBUTE_READ_ONLY = 1n << 60n
export const ATTRIBUTE_NO_AUTO = 1n << 63n
