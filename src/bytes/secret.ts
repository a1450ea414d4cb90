/**
 * Memory for secrets. V8 keeps the content of typed arrays of up to 64 bytes among its own objects
 * (`typed_array_max_size_in_heap`), and its collector copies it about without erasing the old place;
 * small buffers of Node share one pool. What is overwritten there stays somewhere else. An
 * ArrayBuffer that was made for itself lies outside: overwritten, it is gone.
 */

/** Zeros in memory of their own. Whoever is handed them overwrites them after use. */
export function allocateSecret(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(size))
}

/** A copy in memory of its own. The original stays as it is. */
export function copySecret(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = allocateSecret(bytes.length)
  copy.set(bytes)
  return copy
}

/** Joins parts into memory of its own, and overwrites them. */
export function joinSecret(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = allocateSecret(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
    part.fill(0)
  }
  return joined
}

/** UTF-8 bytes of text that is a secret; the text itself cannot be overwritten. */
export function secretOfText(text: string): Uint8Array<ArrayBuffer> {
  return joinSecret([new TextEncoder().encode(text)])
}
