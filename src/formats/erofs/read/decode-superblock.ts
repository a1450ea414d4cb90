/**
 * The superblock, checked: what the rest of the reader may rely on.
 *
 * See "Superblock" in https://erofs.docs.kernel.org/en/latest/core_ondisk.html
 */

import { narrow } from '../../../bytes/narrow.ts'
import { readRange, type Source } from '../../../bytes/source.ts'
import { decode } from '../../../bytes/struct.ts'
import { decodeUtf8 } from '../../../bytes/utf8.ts'
import { crc32cRegister } from '../../../crypto/crc32c.ts'
import { FormatError } from '../../../errors.ts'
import {
  COMPAT,
  EROFS,
  EXTSLOT_SIZE,
  INCOMPAT,
  MAGIC,
  MAX_BLKSZBITS,
  MIN_BLKSZBITS,
  SUPERBLOCK_OFFSET,
  Superblock,
} from '../layout.ts'
import { type CompressionRecords, decodeCompressionRecords } from './decode-compression-records.ts'

/** The superblock and what follows from it. */
export interface DecodedSuperblock {
  readonly fields: Superblock
  /** Bytes of superblock and extension slots. */
  readonly size: number
  readonly blockSize: number
  /** Number of blocks the file system claims to have. */
  readonly blocks: number
  readonly rootNid: number
  /** Text of the label, without padding. */
  readonly label: string
  /** Seconds since the epoch: mtime of compact inodes. */
  readonly epoch: number
  readonly compression: CompressionRecords
}

/** What Linux reads of it on machines with the smallest pages. */
const LARGEST_SUPERBLOCK = 4096 - SUPERBLOCK_OFFSET

const KNOWN_INCOMPAT = Object.values(INCOMPAT).reduce<number>((bits, bit) => bits | bit, 0)

/**
 * Reads the superblock of `source`.
 *
 * @throws FormatError BAD_MAGIC; BAD_CHECKSUM; UNSUPPORTED for features we do not read.
 */
export async function decodeSuperblock(source: Source): Promise<DecodedSuperblock> {
  const fields = decode(
    Superblock,
    await readRange(source, SUPERBLOCK_OFFSET, Superblock.size, EROFS, 'the superblock'),
  )
  if (fields.magic !== MAGIC) {
    throw bad('BAD_MAGIC', `magic is ${hex(fields.magic)}, expected ${hex(MAGIC)}`, 'magic')
  }
  if (fields.blkszbits < MIN_BLKSZBITS || fields.blkszbits > MAX_BLKSZBITS) {
    const allowed = `2^${MIN_BLKSZBITS} to 2^${MAX_BLKSZBITS}`
    throw bad('BAD_VALUE', `block size is 2^${fields.blkszbits}, expected ${allowed}`, 'blkszbits')
  }
  const blockSize = 2 ** fields.blkszbits
  await verifyChecksum(source, fields, blockSize)
  assertReadable(fields)
  const size = Superblock.size + fields.sbExtslots * EXTSLOT_SIZE
  if (size > LARGEST_SUPERBLOCK) {
    const message = `superblock of ${size} bytes, expected at most ${LARGEST_SUPERBLOCK}`
    throw bad('BAD_VALUE', message, 'sbExtslots')
  }
  const wide = hasFeature(fields, INCOMPAT.FORTY_EIGHT_BIT) && fields.rootnid8b !== 0n
  return {
    fields,
    size,
    blockSize,
    blocks: fields.blocksLo + (wide ? fields.rootnid2b * 2 ** 32 : 0),
    rootNid: wide ? narrow(fields.rootnid8b, EROFS, 'rootnid8b') : fields.rootnid2b,
    label: decodeLabel(fields.volumeName),
    epoch: narrow(BigInt.asIntN(64, fields.epoch), EROFS, 'epoch'),
    compression: await decodeCompressionRecords(source, fields, SUPERBLOCK_OFFSET + size),
  }
}

/** Whether a bit of `INCOMPAT` is set. */
export function hasFeature(fields: Superblock, bit: number): boolean {
  return (fields.featureIncompat & bit) !== 0
}

/**
 * The checksum a superblock should have.
 *
 * @param covered everything from the superblock to the end of block 0; a whole block where blocks
 *   are not larger than {@link SUPERBLOCK_OFFSET}
 */
export function superblockChecksum(covered: Uint8Array): number {
  const { checksum, featureCompat } = Superblock.offsets
  const before = crc32cRegister(covered.subarray(0, checksum))
  const zeroed = crc32cRegister(new Uint8Array(featureCompat - checksum), before)
  return crc32cRegister(covered.subarray(featureCompat), zeroed)
}

async function verifyChecksum(
  source: Source,
  fields: Superblock,
  blockSize: number,
): Promise<void> {
  if ((fields.featureCompat & COMPAT.SB_CHKSUM) === 0) return
  const size = blockSize > SUPERBLOCK_OFFSET ? blockSize - SUPERBLOCK_OFFSET : blockSize
  const covered = await readRange(source, SUPERBLOCK_OFFSET, size, EROFS, 'block 0')
  const computed = superblockChecksum(covered)
  if (fields.checksum !== computed) {
    const message = `checksum is ${hex(fields.checksum)}, computed ${hex(computed)}`
    throw bad('BAD_CHECKSUM', message, 'checksum')
  }
}

function assertReadable(fields: Superblock): void {
  const unknown = fields.featureIncompat & ~KNOWN_INCOMPAT
  if (unknown !== 0) {
    throw bad('UNSUPPORTED', `unknown incompatible features ${hex(unknown)}`, 'featureIncompat')
  }
  if (hasFeature(fields, INCOMPAT.METABOX)) {
    throw bad('UNSUPPORTED', 'compressed metadata (metabox)', 'featureIncompat')
  }
  if (fields.dirblkbits !== 0) {
    throw bad('UNSUPPORTED', `dirblkbits is ${fields.dirblkbits}, expected 0`, 'dirblkbits')
  }
  if (fields.extraDevices !== 0) {
    throw bad('UNSUPPORTED', `data on ${fields.extraDevices} further devices`, 'extraDevices')
  }
}

function decodeLabel(volumeName: Uint8Array): string {
  const end = volumeName.indexOf(0)
  const text = decodeUtf8(end < 0 ? volumeName : volumeName.subarray(0, end))
  if (text === undefined) throw bad('UNSUPPORTED', 'volume name is not UTF-8', 'volumeName')
  return text
}

function bad(
  code: 'BAD_MAGIC' | 'BAD_VALUE' | 'BAD_CHECKSUM' | 'UNSUPPORTED',
  message: string,
  field: keyof Superblock,
): FormatError {
  return new FormatError(EROFS, code, message, {
    offset: SUPERBLOCK_OFFSET + Superblock.offsets[field],
  })
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`
}
