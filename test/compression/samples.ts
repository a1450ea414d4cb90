/** Inputs every codec meets: repetitive, incompressible, and in between. */

import fc from 'fast-check'

/** Bytes from a small linear congruential generator: the same on every machine. */
export function noise(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = seed
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    bytes[index] = state >>> 24
  }
  return bytes
}

/** Words of a small vocabulary in an order that repeats rarely. */
export function prose(size: number, seed = 1): Uint8Array {
  const words = ['extension', 'image', 'verity', 'the', 'of', 'signed', 'tree', '\n', 'root hash']
  const choices = noise(size, seed)
  let text = ''
  for (let index = 0; text.length < size; index++) {
    text += `${words[choices[index % size]! % words.length]} `
  }
  return new TextEncoder().encode(text.slice(0, size))
}

/** Noise, zeros and prose one after the other, with copies of itself at distances up to `size`. */
export function mixture(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size)
  const choices = noise(size, seed + 7)
  let at = 0
  for (let turn = 0; at < size; turn++) {
    const length = Math.min(size - at, 1 + choices[turn % size]! * 17)
    const kind = choices[(turn + 1) % size]! % 4
    if (kind === 0) bytes.set(noise(length, seed + turn), at)
    if (kind === 1) bytes.set(prose(length, seed + turn), at)
    if (kind === 2 && at > 0) {
      const from = Math.floor((choices[(turn + 2) % size]! / 256) * at)
      bytes.copyWithin(at, from, Math.min(from + length, at))
    }
    at += length
  }
  return bytes
}

export const namedSamples: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['one byte', noise(1)],
  ['twelve equal bytes', new Uint8Array(12)],
  ['fourteen equal bytes', new Uint8Array(14).fill(7)],
  ['zeros', new Uint8Array(65536)],
  ['noise', noise(65536)],
  ['prose', prose(65536)],
  ['a mixture', mixture(65536)],
  ['a mixture beyond the window', mixture(300_000)],
  ['noise that repeats at exactly 65535', repeatAt(65535)],
  ['noise that repeats at exactly 65536', repeatAt(65536)],
  ['the largest block', mixture(1024 * 1024)],
]

function repeatAt(distance: number): Uint8Array {
  const bytes = new Uint8Array(distance + 4096)
  bytes.set(noise(distance))
  bytes.copyWithin(distance, 0, 4096)
  return bytes
}

/** Inputs with runs and copies, of any size up to `maxSize`. */
export function compressible(maxSize: number): fc.Arbitrary<Uint8Array> {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(fc.nat(255), fc.nat(600)).map(([byte, size]) => new Uint8Array(size).fill(byte)),
    fc.tuple(fc.nat(1000), fc.nat(2000)).map(([seed, size]) => prose(size + 1, seed)),
    fc.tuple(fc.nat(1000), fc.nat(2000)).map(([seed, size]) => noise(size + 1, seed)),
  )
  return fc
    .tuple(fc.array(part, { maxLength: 12 }), fc.nat(3))
    .map(([parts, repeats]) => {
      const once = Buffer.concat(parts)
      const all = Buffer.concat(Array.from({ length: repeats + 1 }, () => once))
      return new Uint8Array(all.subarray(0, maxSize))
    })
    .filter((bytes) => bytes.length > 0)
}
