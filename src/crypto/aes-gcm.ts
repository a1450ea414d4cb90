/** AES-256 in Galois/Counter Mode, NIST SP 800-38D, with a tag of 16 bytes. */

import { createCipheriv, createDecipheriv } from 'node:crypto'

export const GCM_TAG_SIZE = 16

export interface GcmInput {
  /** 32 bytes. */
  readonly key: Uint8Array
  /** 1 byte or more; never the same twice under one key. */
  readonly iv: Uint8Array
  /** Authenticated and not encrypted. */
  readonly additional: Uint8Array
}

export interface GcmOutput {
  /** As long as the plaintext. */
  readonly ciphertext: Uint8Array
  readonly tag: Uint8Array
}

export function encryptGcm(input: GcmInput, plaintext: Uint8Array): GcmOutput {
  const cipher = createCipheriv('aes-256-gcm', input.key, input.iv, {
    authTagLength: GCM_TAG_SIZE,
  }).setAAD(input.additional)
  // Of a stream cipher everything comes from `update`; `final` only computes the tag.
  const ciphertext = cipher.update(plaintext)
  cipher.final()
  return { ciphertext, tag: cipher.getAuthTag() }
}

/**
 * What was encrypted, or undefined where key, IV, additional data, bytes or tag are not those of
 * the encryption. The result is the caller's to overwrite.
 */
export function decryptGcm(
  input: GcmInput,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): Uint8Array | undefined {
  const decipher = createDecipheriv('aes-256-gcm', input.key, input.iv, {
    authTagLength: GCM_TAG_SIZE,
  })
    .setAAD(input.additional)
    .setAuthTag(tag)
  // Of a stream cipher everything comes from `update`; `final` only compares the tag.
  const plaintext = decipher.update(ciphertext)
  try {
    decipher.final()
    return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length)
  } catch {
    plaintext.fill(0)
    return undefined
  }
}
