/** What libblkid checks of file systems besides a magic. */

import { equalBytes } from '../../bytes/equal.ts'
import { viewOf } from '../../bytes/struct.ts'
import { crc32Register } from '../../crypto/crc32.ts'
import { crc32cRegister } from '../../crypto/crc32c.ts'
import { latin1, type Match } from './content-type.ts'
import type { Region } from './region.ts'

const KIBIBYTE = 1024

/** A log record at the start of a sector in the first 256 KiB. */
export async function findXfsLog(region: Region): Promise<Match | undefined> {
  const log = await region.view(0, 256 * KIBIBYTE)
  for (let offset = 0; log && offset < log.byteLength; offset += 512) {
    if (log.getUint32(offset) === 0x58465342) return undefined
    if (log.getUint32(offset) !== 0xfeedbabe) continue
    const version = log.getUint32(offset + 8)
    const length = log.getInt32(offset + 12)
    const format = log.getUint32(offset + 300)
    if (version === 0 || (version & ~3) !== 0 || length <= 0) continue
    if (format >= 1 && format <= 3) return { offset, certain: true }
  }
  return undefined
}

export async function checkReiser(region: Region, offset: number) {
  const start = Math.floor(offset / KIBIBYTE) * KIBIBYTE
  const header = await region.view(start, 128)
  const sectors = (header?.getUint16(44, true) ?? 0) >> 9
  if (!header || sectors === 0) return false
  return Math.floor(start / KIBIBYTE / sectors) <= header.getUint32(12, true) / 2
}

export async function checkJfs(region: Region, offset: number) {
  const header = await region.view(offset, 64)
  if (!header) return false
  const [size, bits, factor] = [
    header.getUint32(16, true),
    header.getUint16(20, true),
    header.getUint16(22, true),
  ]
  const [physical, physicalBits] = [header.getUint32(24, true), header.getUint16(28, true)]
  return (
    bits <= 31 &&
    physicalBits <= 31 &&
    size === 2 ** bits &&
    physical === 2 ** physicalBits &&
    bits - physicalBits === factor
  )
}

export async function checkRomfs(region: Region) {
  const size = Math.min(512, (await region.view(0, 16))?.getUint32(8) ?? 0)
  const header = size > 0 && size % 4 === 0 ? await region.view(0, size) : undefined
  if (!header) return false
  let sum = 0
  for (let at = 0; at < size; at += 4) sum = (sum + header.getUint32(at)) >>> 0
  return sum === 0
}

export async function checkBtrfs(region: Region, offset: number) {
  const superblock = await region.bytes(offset - 64, 4096)
  if (!superblock) return false
  const view = viewOf(superblock)
  if (view.getUint16(196, true) !== 0) return 'perhaps'
  return ~crc32cRegister(superblock.subarray(32)) >>> 0 === view.getUint32(0, true)
}

const NILFS_MAGIC = 0x3434
const NILFS_SIZE = 1024

export async function findNilfs(region: Region): Promise<Match | undefined> {
  for (const offset of [KIBIBYTE, (Math.floor(region.size / 512) - 8) * 512]) {
    const superblock = await region.bytes(offset, NILFS_SIZE)
    if (!superblock) continue
    const view = viewOf(superblock)
    const size = view.getUint16(8, true)
    if (view.getUint16(6, true) !== NILFS_MAGIC || size < 20 || size > NILFS_SIZE) continue
    const covered = Uint8Array.from(superblock.subarray(0, size))
    covered.fill(0, 16, 20)
    if (crc32Register(covered, view.getUint32(12, true)) === view.getUint32(16, true)) {
      return { offset: offset + 6, certain: true }
    }
  }
  return undefined
}

const ISO_SECTOR = 2048
const ISO_DESCRIPTORS = 16
const ISO_PRIMARY = 1
const ISO_END = 255

/** A primary descriptor among the first, of which only one has to have the magic. */
export async function checkIso(region: Region, offset: number) {
  const start = 32 * KIBIBYTE
  // High Sierra has its type in front of the magic too, and is not looked for any further.
  if (offset !== start + 1) return (await region.bytes(offset - 1, 1))?.[0] === ISO_PRIMARY
  for (let index = 0; index < ISO_DESCRIPTORS; index++) {
    const type = (await region.bytes(start + index * ISO_SECTOR, ISO_SECTOR))?.[0]
    if (type === undefined || type === ISO_END) return false
    if (type === ISO_PRIMARY) return true
  }
  return false
}

/** A descriptor of UDF in the volume recognition sequence; ISO 9660 alone has none. */
export async function findUdfSequence(region: Region) {
  for (const size of [2048, 4096]) {
    for (let block = 0; block < 64; block++) {
      const name = await region.bytes(32 * KIBIBYTE + block * size + 1, 3)
      if (name && equalBytes(name, latin1('NSR'))) return 'perhaps' as const
    }
  }
  return false
}

/** A packed list of names in one of the first two labels, which no other file system has there. */
export async function findZfs(region: Region): Promise<Match | undefined> {
  const LABEL = 256 * KIBIBYTE
  const end = region.size - (region.size % LABEL)
  for (const label of [0, LABEL, end - 2 * LABEL, end - LABEL]) {
    const header = await region.view(label + 16 * KIBIBYTE, 16)
    if (!header) continue
    const isList = header.getUint8(0) === 1 && header.getUint8(1) <= 1 && header.getUint16(2) === 0
    if (isList && header.getUint32(12) !== 0)
      return { offset: label + 16 * KIBIBYTE, certain: false }
  }
  return undefined
}
