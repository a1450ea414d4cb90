/** The hashes of PCR banks: SHA-1 and the SHA-2 family, at once or over a stream. */

import { createHash } from 'node:crypto'

export type DigestAlgorithm = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/** A hash in the making. */
export interface RunningDigest {
  update(bytes: Uint8Array): void
  /** The digest; nothing can be added afterwards. */
  finish(): Uint8Array
}

/** The digest of `parts` one after the other. */
export function digest(algorithm: DigestAlgorithm, ...parts: readonly Uint8Array[]): Uint8Array {
  const running = startDigest(algorithm)
  for (const part of parts) running.update(part)
  return running.finish()
}

/** Starts a digest over bytes that come in pieces. */
export function startDigest(algorithm: DigestAlgorithm): RunningDigest {
  const hash = createHash(algorithm)
  return {
    update: (bytes) => void hash.update(bytes),
    finish: () => new Uint8Array(hash.digest()),
  }
}
