/** Block 0: superblock, compression record, checksum. It is written last, when all is known. */

import { decode, encode, viewOf } from '../../../bytes/struct.ts'
import { crc32cRegister } from '../../../crypto/crc32c.ts'
import {
  ALGORITHM,
  BLKSZBITS,
  BLOCK_SIZE,
  COMPAT,
  ComprCfgHeader,
  INCOMPAT,
  Lz4Cfgs,
  MAGIC,
  SUPERBLOCK_OFFSET,
  Superblock,
  storedInodeCount,
  ZSTD_WINDOWLOG_MIN,
  ZstdCfgs,
} from '../layout.ts'

/** How compressed inodes of the image are encoded. */
export type CompressionRecord =
  | {
      readonly algorithm: 'lz4'
      /** Blocks of the largest compressed cluster. */
      readonly maxClusterBlocks: number
    }
  | {
      readonly algorithm: 'zstd'
      /** log2 of the largest window. */
      readonly windowLog: number
    }

export interface SuperblockFields {
  /** Number of inodes. */
  readonly inodes: number
  /** Total blocks. */
  readonly blocks: number
  /** Seconds; mtime of compact inodes. */
  readonly epoch: number
  readonly rootNid: number
  /** First block of the inode area. */
  readonly metaBlock: number
  /** First block of the shared attributes, 0 where there are none. */
  readonly xattrBlock: number
  readonly uuid: string
  readonly compression: CompressionRecord | undefined
}

/** Bytes of block 0 that superblock and records may take when inodes follow in the same block. */
export const SUPERBLOCK_END = SUPERBLOCK_OFFSET + Superblock.size

/**
 * Block 0 with a checksum over everything in it.
 *
 * @param block the block as it is otherwise: zeros, or inodes behind {@link SUPERBLOCK_END}
 */
export function encodeBlock0(
  fields: SuperblockFields,
  block = new Uint8Array(BLOCK_SIZE),
): Uint8Array {
  const { compression } = fields
  const record = compression && encodeRecord(compression)
  const bytes = block.slice()
  const superblock = encode(Superblock, {
    ...ZERO,
    magic: MAGIC,
    featureCompat: COMPAT.SB_CHKSUM | COMPAT.MTIME,
    blkszbits: BLKSZBITS,
    rootnid2b: fields.rootNid,
    inos: BigInt(storedInodeCount(fields.inodes)),
    epoch: BigInt(fields.epoch),
    blocksLo: fields.blocks,
    metaBlkaddr: fields.metaBlock,
    xattrBlkaddr: fields.xattrBlock,
    uuid: fields.uuid,
    featureIncompat: record ? INCOMPAT.ZERO_PADDING | INCOMPAT.COMPR_CFGS : 0,
    availableComprAlgs: compression ? 1 << algorithmNumber(compression.algorithm) : 0,
  })
  bytes.set(superblock, SUPERBLOCK_OFFSET)
  if (record) bytes.set(record, SUPERBLOCK_END)
  const checksum = crc32cRegister(bytes.subarray(SUPERBLOCK_OFFSET))
  viewOf(bytes).setUint32(SUPERBLOCK_OFFSET + Superblock.offsets.checksum, checksum, true)
  return bytes
}

/** Value of the algorithm in map headers and, as a bit, in the superblock. */
export function algorithmNumber(algorithm: CompressionRecord['algorithm']): number {
  return algorithm === 'lz4' ? ALGORITHM.LZ4 : ALGORITHM.ZSTD
}

const ZERO: Superblock = decode(Superblock, new Uint8Array(Superblock.size))

function encodeRecord(compression: CompressionRecord): Uint8Array {
  const payload =
    compression.algorithm === 'lz4'
      ? encode(Lz4Cfgs, {
          maxDistance: 0,
          maxPclusterblks: compression.maxClusterBlocks,
          reserved: new Uint8Array(),
        })
      : encode(ZstdCfgs, {
          format: 0,
          windowlog: compression.windowLog - ZSTD_WINDOWLOG_MIN,
          reserved: new Uint8Array(),
        })
  const record = new Uint8Array(ComprCfgHeader.size + payload.length)
  record.set(encode(ComprCfgHeader, { length: payload.length }))
  record.set(payload, ComprCfgHeader.size)
  return record
}
