/**
 * Compression records: one per algorithm the superblock announces, in order of their bits, right
 * behind the superblock.
 */

import { alignUp } from '../../../bytes/align.ts'
import { readRange, type Source } from '../../../bytes/source.ts'
import { type Codec, decode } from '../../../bytes/struct.ts'
import { FormatError } from '../../../errors.ts'
import {
  ALGORITHM,
  ComprCfgHeader,
  DeflateCfgs,
  EROFS,
  INCOMPAT,
  Lz4Cfgs,
  LzmaCfgs,
  MAX_PCLUSTERBLKS,
  type Superblock,
  ZSTD_WINDOWLOG_MAX,
  ZstdCfgs,
} from '../layout.ts'

/** The algorithms of a file system; those without a record are not in use. */
export interface CompressionRecords {
  readonly lz4: Lz4Cfgs | undefined
  readonly lzma: LzmaCfgs | undefined
  readonly deflate: DeflateCfgs | undefined
  readonly zstd: ZstdCfgs | undefined
  /** Bit `1 << ALGORITHM.…` for each algorithm that inodes may name. */
  readonly available: number
  /** Byte offset behind the last record. */
  readonly end: number
}

const KNOWN = Object.values(ALGORITHM).reduce<number>((bits, number) => bits | (1 << number), 0)

/** Deflate knows windows of up to 32 KiB. */
const MAX_WINDOWBITS = 15

/** @param start byte offset behind the superblock and its extension slots */
export async function decodeCompressionRecords(
  source: Source,
  superblock: Superblock,
  start: number,
): Promise<CompressionRecords> {
  // Without records the only algorithm is LZ4, and the field is the size of its window.
  const hasRecords = (superblock.featureIncompat & INCOMPAT.COMPR_CFGS) !== 0
  const announced = hasRecords ? superblock.availableComprAlgs : 0
  if (announced & ~KNOWN) {
    const message = `unknown algorithms 0x${(announced & ~KNOWN).toString(16)}`
    throw new FormatError(EROFS, 'UNSUPPORTED', message)
  }
  let end = start
  async function record<T>(name: keyof typeof ALGORITHM, codec: Codec<T>): Promise<T | undefined> {
    if ((announced & (1 << ALGORITHM[name])) === 0) return undefined
    const offset = alignUp(end, 4)
    end = offset + ComprCfgHeader.size + codec.size
    return decodeRecord(source, offset, name, codec)
  }
  const records: CompressionRecords = {
    lz4: await record('LZ4', Lz4Cfgs),
    lzma: await record('LZMA', LzmaCfgs),
    deflate: await record('DEFLATE', DeflateCfgs),
    zstd: await record('ZSTD', ZstdCfgs),
    available: hasRecords ? announced : 1 << ALGORITHM.LZ4,
    end,
  }
  assertUsable(records, start)
  return records
}

async function decodeRecord<T>(
  source: Source,
  offset: number,
  name: string,
  codec: Codec<T>,
): Promise<T> {
  const what = `the ${name} record`
  const size = ComprCfgHeader.size + codec.size
  const bytes = await readRange(source, offset, size, EROFS, what)
  const { length } = decode(ComprCfgHeader, bytes)
  if (length !== codec.size) {
    const message = `${what} has ${length} bytes, expected ${codec.size}`
    throw new FormatError(EROFS, 'BAD_VALUE', message, { offset })
  }
  return decode(codec, bytes, ComprCfgHeader.size)
}

/** What the kernel refuses to mount. */
function assertUsable({ lz4, deflate, zstd }: CompressionRecords, offset: number): void {
  const wrong = (message: string) => new FormatError(EROFS, 'BAD_VALUE', message, { offset })
  if (lz4 && lz4.maxPclusterblks > MAX_PCLUSTERBLKS) {
    throw wrong(`lz4 clusters of ${lz4.maxPclusterblks} blocks, at most ${MAX_PCLUSTERBLKS}`)
  }
  if (deflate && deflate.windowbits > MAX_WINDOWBITS) {
    throw wrong(`deflate window is 2^${deflate.windowbits}, at most 2^${MAX_WINDOWBITS}`)
  }
  if (zstd && (zstd.format !== 0 || zstd.windowlog > ZSTD_WINDOWLOG_MAX)) {
    throw wrong(`zstd format ${zstd.format} with window log ${zstd.windowlog}`)
  }
}
