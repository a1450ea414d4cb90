/**
 * The blob of a sealed object: private part, public part, and for an object that was sealed without
 * the TPM the seed to import it with. Sized buffers back to back, no other framing.
 *
 * See systemd src/shared/tpm2-util.c (marshalling of blobs). The seed is understood since systemd 255.
 */

import { concat } from '../../bytes/concat.ts'
import { FormatError } from '../../errors.ts'
import { Algorithm } from './constants.ts'
import { type KeyedHashArea, SizedPublicArea } from './public-area.ts'
import { buffer, Cursor, FORMAT } from './wire.ts'

/** What a blob holds; the two encrypted parts are opaque. */
export interface SealedObject {
  /** Content of the TPM2B_PRIVATE. */
  readonly private: Uint8Array
  readonly public: KeyedHashArea
  /** Content of the TPM2B_ENCRYPTED_SECRET, where the object was sealed off the device. */
  readonly seed: Uint8Array | undefined
}

/** Largest blob that systemd reads. */
const MAX_SIZE = 16384
/** Far more than private parts and seeds need: a TPM has buffers of 4096 bytes at most. */
const Opaque = buffer(4096)

/** The bytes of a blob. */
export function encodeSealedBlob(sealed: SealedObject): Uint8Array {
  return concat(
    Opaque.write(sealed.private),
    SizedPublicArea.write(sealed.public),
    sealed.seed ? Opaque.write(sealed.seed) : new Uint8Array(),
  )
}

/**
 * Reads a blob.
 *
 * @throws FormatError where it is cut off, goes on after its end, or holds no sealed object.
 */
export function decodeSealedBlob(blob: Uint8Array): SealedObject {
  if (blob.length > MAX_SIZE) {
    const message = `blob of ${blob.length} bytes, readers stop at ${MAX_SIZE}`
    throw new FormatError(FORMAT, 'TOO_LARGE', message)
  }
  const cursor = new Cursor(blob)
  const privatePart = Opaque.read(cursor, 'private part')
  const { offset } = cursor
  const area = SizedPublicArea.read(cursor, 'public part')
  if (area.type !== Algorithm.keyedHash) {
    throw cursor.bad('the public part is that of a key, not of a sealed object', offset)
  }
  const seed = cursor.left > 0 ? Opaque.read(cursor, 'seed') : undefined
  cursor.finish('blob')
  return { private: privatePart, public: area, seed }
}
