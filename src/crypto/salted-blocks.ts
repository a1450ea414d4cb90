/**
 * dm-verity digests of many blocks: SHA-256 over salt and block, for each block of 4096 bytes.
 *
 * One-shot hashing of a copy behind the salt is 1.5 GB/s on a core where OpenSSL alone reaches
 * 1.7; copying a salted `createHash` state reaches 1.1. Blocks should come fresh from a read or an
 * encoder, a few hundred KiB at a time: from beyond the second-level cache it is 1.3.
 */

import { hash } from 'node:crypto'

const BLOCK_SIZE = 4096
const DIGEST_SIZE = 32

/**
 * Writes the digest of each block of `data` to `output` at `outputOffset`, one behind the other.
 *
 * @throws RangeError when `data` is not whole blocks or `output` has no room for the digests.
 */
export type BlockHasher = (data: Uint8Array, output: Uint8Array, outputOffset: number) => void

/** A hasher for one salt; not to be shared between threads. */
export function createBlockHasher(salt: Uint8Array): BlockHasher {
  const [salted, block] = saltedBlock(new Uint8Array(salt.length + BLOCK_SIZE), salt)
  return (data, output, outputOffset) => {
    const count = data.length / BLOCK_SIZE
    if (!Number.isInteger(count)) {
      throw new RangeError(`${data.length} bytes are not whole blocks of ${BLOCK_SIZE}`)
    }
    const target = digestTarget(output, outputOffset, count)
    for (let index = 0; index < count; index++) {
      block.set(data.subarray(index * BLOCK_SIZE, (index + 1) * BLOCK_SIZE))
      writeDigest(salted, target, outputOffset + index * DIGEST_SIZE)
    }
  }
}

/** Memory to read blocks into and to hash them in, where they need no copy: a tenth faster. */
export interface BlockReader {
  /** Areas of 4096 bytes, each behind a copy of the salt. */
  readonly blocks: readonly Uint8Array[]
  /**
   * Writes the digests of the first `count` blocks to `output` at `outputOffset`.
   *
   * @throws RangeError when there are not as many blocks, or `output` has no room.
   */
  hash(count: number, output: Uint8Array, outputOffset: number): void
}

/** A reader of up to `capacity` blocks at a time; not to be shared between threads. */
export function createBlockReader(salt: Uint8Array, capacity: number): BlockReader {
  const stride = salt.length + BLOCK_SIZE
  const memory = new Uint8Array(capacity * stride)
  const areas = Array.from({ length: capacity }, (_, index) =>
    saltedBlock(memory.subarray(index * stride, (index + 1) * stride), salt),
  )
  return {
    blocks: areas.map(([, block]) => block),
    hash(count, output, outputOffset) {
      if (count > capacity) throw new RangeError(`${count} blocks where ${capacity} have room`)
      const target = digestTarget(output, outputOffset, count)
      for (let index = 0; index < count; index++) {
        writeDigest(areas[index]![0], target, outputOffset + index * DIGEST_SIZE)
      }
    },
  }
}

/** `area` with the salt in it, and the part of it behind the salt. */
function saltedBlock(
  area: Uint8Array,
  salt: Uint8Array,
): readonly [salted: Uint8Array, block: Uint8Array] {
  area.set(salt)
  return [area, area.subarray(salt.length)]
}

function digestTarget(output: Uint8Array, offset: number, count: number): Buffer {
  const size = count * DIGEST_SIZE
  if (offset + size > output.length) {
    throw new RangeError(`no room for ${size} bytes of digests at ${offset}`)
  }
  return Buffer.from(output.buffer, output.byteOffset, output.byteLength)
}

function writeDigest(salted: Uint8Array, target: Buffer, at: number): void {
  // As a string, because that costs less than the ArrayBuffer of a digest.
  target.write(hash('sha256', salted, 'binary'), at, DIGEST_SIZE, 'latin1')
}
