import { crc32 as zlibCrc32 } from 'node:zlib'

/** CRC-32 as in zlib and GPT: reflected 0xEDB88320, initial and final value 0xFFFFFFFF. */
export function crc32(bytes: Uint8Array): number {
  return zlibCrc32(bytes)
}

/** The register of the same polynomial after `bytes`, from any start, with no final inversion. */
export function crc32Register(bytes: Uint8Array, initial: number): number {
  return ~zlibCrc32(bytes, ~initial >>> 0) >>> 0
}
