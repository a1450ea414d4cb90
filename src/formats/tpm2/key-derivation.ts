/** Key derivation with SHA-256: TPM 2.0 Library part 1 §11.4.10 (KDFa, KDFe). */

import { concat } from '../../bytes/concat.ts'
import { allocateSecret } from '../../bytes/secret.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { hmacSha256, sha256 } from '../../crypto/sha256.ts'
import { u32 } from './wire.ts'

const DIGEST_SIZE = 32
const NUL = Uint8Array.of(0)

/** KDFa: a key of `size` bytes out of another key. The context is both parties' in one. */
export function deriveKey(
  key: Uint8Array,
  label: string,
  context: Uint8Array,
  size: number,
): Uint8Array {
  const fixed = concat(encodeUtf8(label), NUL, context, u32.write(size * 8))
  return fill(size, (counter) => hmacSha256(key, concat(counter, fixed)))
}

/** KDFe: a key of `size` bytes out of a shared point's x-coordinate and those of both public keys. */
export function deriveSharedKey(
  secret: Uint8Array,
  label: string,
  ephemeralX: Uint8Array,
  staticX: Uint8Array,
  size: number,
): Uint8Array {
  const fixed = [secret, encodeUtf8(label), NUL, ephemeralX, staticX]
  return fill(size, (counter) => sha256(counter, ...fixed))
}

function fill(size: number, block: (counter: Uint8Array) => Uint8Array): Uint8Array {
  const key = allocateSecret(size)
  for (let offset = 0, counter = 1; offset < size; offset += DIGEST_SIZE, counter++) {
    const bytes = block(u32.write(counter))
    key.set(bytes.subarray(0, size - offset), offset)
    bytes.fill(0)
  }
  return key
}
