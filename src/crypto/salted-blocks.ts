/** dm-verity digests of many blocks: SHA-256 over salt and block, for each block of 4096 bytes. */

import { hash } from 'node:crypto'

const BLOCK_SIZE = 4096
const DIGEST_SIZE = 32

/** Writes the digest of each block of `data` to `output`, one behind the other. */
export type BlockHasher = (data: Uint8Array, output: Uint8Array, outputOffset: number) => void

/** A hasher for one salt; not to be shared between threads. */
export function createBlockHasher(salt: Uint8Array): BlockHasher {
  const salted = Buffer.alloc(salt.length + BLOCK_SIZE)
  salted.set(salt)
  return (data, output, outputOffset) => {
    const target = Buffer.from(output.buffer, output.byteOffset, output.byteLength)
    let at = outputOffset
    for (let start = 0; start < data.length; start += BLOCK_SIZE) {
      salted.set(data.subarray(start, start + BLOCK_SIZE), salt.length)
      // A string costs less than the ArrayBuffer of a digest.
      target.write(hash('sha256', salted, 'binary'), at, DIGEST_SIZE, 'latin1')
      at += DIGEST_SIZE
    }
  }
}
