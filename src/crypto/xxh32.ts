/**
 * XXH32, a fast hash without any security.
 *
 * See https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */

import { viewOf } from '../bytes/struct.ts'

const PRIME_1 = 0x9e3779b1
const PRIME_2 = 0x85ebca77
const PRIME_3 = 0xc2b2ae3d
const PRIME_4 = 0x27d4eb2f
const PRIME_5 = 0x165667b1

/** Bytes of one stripe: four lanes of 32 bits. */
const STRIPE = 16

/** XXH32 of `bytes` as an unsigned number. */
export function xxh32(bytes: Uint8Array, seed = 0): number {
  const view = viewOf(bytes)
  let offset = 0
  let hash = (seed + PRIME_5) | 0
  if (bytes.length >= STRIPE) {
    const lanes = [seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1]
    for (; offset + STRIPE <= bytes.length; offset += STRIPE) {
      for (const [lane, value] of lanes.entries()) {
        const input = Math.imul(view.getUint32(offset + lane * 4, true), PRIME_2)
        lanes[lane] = Math.imul(rotate((value + input) | 0, 13), PRIME_1)
      }
    }
    hash = [1, 7, 12, 18].reduce((sum, by, lane) => sum + rotate((lanes[lane] ?? 0) | 0, by), 0)
  }
  hash = (hash + bytes.length) | 0
  for (; offset + 4 <= bytes.length; offset += 4) {
    const input = Math.imul(view.getUint32(offset, true), PRIME_3)
    hash = Math.imul(rotate((hash + input) | 0, 17), PRIME_4)
  }
  for (const byte of bytes.subarray(offset)) {
    hash = Math.imul(rotate((hash + Math.imul(byte, PRIME_5)) | 0, 11), PRIME_1)
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3)
  return (hash ^ (hash >>> 16)) >>> 0
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}
