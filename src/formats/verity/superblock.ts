/**
 * dm-verity superblock, version 1: the first 512 bytes of a hash partition.
 *
 * Hash type 1 and SHA-256 only: what systemd writes. See cryptsetup lib/verity/verity.c.
 */

import { equalBytes } from '../../bytes/equal.ts'
import { narrow } from '../../bytes/narrow.ts'
import {
  bytes,
  decode,
  encode,
  type Infer,
  struct,
  u16le,
  u32le,
  u64le,
  uuid,
} from '../../bytes/struct.ts'
import { decodeUtf8, encodeUtf8 } from '../../bytes/utf8.ts'
import { FormatError } from '../../errors.ts'

/** What the superblock tells about a hash tree. */
export interface VeritySuperblock {
  readonly uuid: string
  readonly algorithm: 'sha256'
  /** Bytes, a power of two from 512 to 524288; 4096 is what every kernel accepts. */
  readonly dataBlockSize: number
  readonly hashBlockSize: number
  /** At least 1. */
  readonly dataBlocks: number
  /** At most 256 bytes. */
  readonly salt: Uint8Array
}

/** Size of the superblock in bytes; the rest of its hash block is zero. */
export const VERITY_SUPERBLOCK_SIZE = 512

const FORMAT = 'verity'
const MAGIC = encodeUtf8('verity\0\0')
const MIN_BLOCK = 512
const MAX_BLOCK = 512 * 1024
const MAX_SALT = 256

const Layout = struct({
  signature: bytes(8),
  version: u32le,
  hashType: u32le,
  uuid,
  algorithm: bytes(32),
  dataBlockSize: u32le,
  hashBlockSize: u32le,
  dataBlocks: u64le,
  saltSize: u16le,
  padding1: bytes(6),
  salt: bytes(MAX_SALT),
  padding2: bytes(168),
})
type Layout = Infer<typeof Layout>

/**
 * The 512 bytes of a superblock.
 *
 * @throws RangeError where a block size, the number of blocks or the salt is out of its limits.
 */
export function encodeVeritySuperblock(superblock: {
  readonly uuid: string
  readonly salt: Uint8Array
  readonly dataBlocks: number
  /** Default 4096. */
  readonly dataBlockSize?: number
  /** Default 4096. */
  readonly hashBlockSize?: number
}): Uint8Array {
  const { salt, dataBlocks, dataBlockSize = 4096, hashBlockSize = 4096 } = superblock
  if (!isBlockSize(dataBlockSize) || !isBlockSize(hashBlockSize)) {
    throw new RangeError(`block sizes ${dataBlockSize} and ${hashBlockSize}`)
  }
  if (!Number.isSafeInteger(dataBlocks * dataBlockSize) || dataBlocks < 1) {
    throw new RangeError(`${dataBlocks} data blocks`)
  }
  if (salt.length > MAX_SALT) throw new RangeError(`a salt of ${salt.length} bytes`)
  return encode(Layout, {
    signature: MAGIC,
    version: 1,
    hashType: 1,
    uuid: superblock.uuid,
    algorithm: encodeUtf8('sha256'),
    dataBlockSize,
    hashBlockSize,
    dataBlocks: BigInt(dataBlocks),
    saltSize: salt.length,
    padding1: new Uint8Array(6),
    salt,
    padding2: new Uint8Array(168),
  })
}

/**
 * Reads a superblock.
 *
 * @throws FormatError naming the first field that is not as it must be, padding included.
 */
export function decodeVeritySuperblock(block: Uint8Array): VeritySuperblock {
  if (block.length < Layout.size) {
    throw new FormatError(FORMAT, 'TRUNCATED', `superblock of ${block.length} bytes`, { offset: 0 })
  }
  const raw = decode(Layout, block)
  if (!equalBytes(raw.signature, MAGIC)) {
    throw new FormatError(FORMAT, 'BAD_MAGIC', 'superblock signature missing', { offset: 0 })
  }
  expectField(raw, 'version', 1)
  expectField(raw, 'hashType', 1)
  const algorithm = algorithmName(raw.algorithm)
  if (algorithm === undefined) {
    throw fieldError('algorithm', 'BAD_VALUE', 'hash algorithm is not a name, expected sha256')
  }
  if (algorithm !== 'sha256') {
    const message = `hash algorithm is ${algorithm}, expected sha256`
    throw fieldError('algorithm', 'UNSUPPORTED', message)
  }
  for (const field of ['dataBlockSize', 'hashBlockSize'] as const) {
    if (!isBlockSize(raw[field])) {
      const limits = `a power of two from ${MIN_BLOCK} to ${MAX_BLOCK}`
      throw fieldError(field, 'OUT_OF_RANGE', `${field} is ${raw[field]}, expected ${limits}`)
    }
  }
  if (raw.dataBlocks === 0n) throw fieldError('dataBlocks', 'OUT_OF_RANGE', 'dataBlocks is 0')
  if (raw.saltSize > MAX_SALT) {
    const message = `saltSize is ${raw.saltSize}, expected at most ${MAX_SALT}`
    throw fieldError('saltSize', 'OUT_OF_RANGE', message)
  }
  narrow(raw.dataBlocks * BigInt(raw.dataBlockSize), FORMAT, 'data size', Layout.offsets.dataBlocks)
  assertZeros(raw.padding1, Layout.offsets.padding1)
  assertZeros(raw.salt.subarray(raw.saltSize), Layout.offsets.salt + raw.saltSize)
  assertZeros(raw.padding2, Layout.offsets.padding2)
  return {
    uuid: raw.uuid,
    algorithm: 'sha256',
    dataBlockSize: raw.dataBlockSize,
    hashBlockSize: raw.hashBlockSize,
    dataBlocks: Number(raw.dataBlocks),
    salt: raw.salt.slice(0, raw.saltSize),
  }
}

function isBlockSize(size: number): boolean {
  return size >= MIN_BLOCK && size <= MAX_BLOCK && Number.isInteger(Math.log2(size))
}

/** The text before the NUL padding, or undefined where something hides behind it. */
function algorithmName(field: Uint8Array): string | undefined {
  const name = decodeUtf8(field)?.replace(/\0+$/, '')
  return name !== undefined && /^[a-z0-9-]+$/.test(name) ? name : undefined
}

function expectField(raw: Layout, field: 'version' | 'hashType', expected: number): void {
  if (raw[field] !== expected) {
    throw fieldError(field, 'UNSUPPORTED', `${field} is ${raw[field]}, expected ${expected}`)
  }
}

function fieldError(
  field: keyof Layout,
  code: 'UNSUPPORTED' | 'OUT_OF_RANGE' | 'BAD_VALUE',
  message: string,
): FormatError {
  return new FormatError(FORMAT, code, message, { offset: Layout.offsets[field] })
}

function assertZeros(field: Uint8Array, offset: number): void {
  const index = field.findIndex((byte) => byte !== 0)
  if (index < 0) return
  throw new FormatError(FORMAT, 'BAD_VALUE', 'padding is not zero', { offset: offset + index })
}
