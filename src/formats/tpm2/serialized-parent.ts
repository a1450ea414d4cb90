/**
 * The parent key as a credential names it: handle, name and public area, in the form of tpm2-tss
 * `Esys_TR_Serialize` (src/tss2-esys/esys_tr.c).
 */

import { equalBytes } from '../../bytes/equal.ts'
import { FormatError } from '../../errors.ts'
import { Handle } from './constants.ts'
import { SizedPublicArea } from './public-area.ts'
import { type StoragePublicKey, storageKeyOf } from './storage-key.ts'
import { buffer, decodeWhole, FORMAT, only, record, u32 } from './wire.ts'

/** A parent as serialised. */
export interface SerializedParent {
  /** Where the key is persistent. */
  readonly handle: number
  readonly key: StoragePublicKey
}

/** What a serialised resource is: an object with a public area. */
const KIND_OBJECT = 1

const Resource = record({
  handle: u32,
  name: buffer(66),
  kind: only(u32, KIND_OBJECT),
  publicArea: SizedPublicArea,
})

/** The bytes of a parent, 136 for a P-256 key; `handle` is that of the storage root key. */
export function serializeParent(
  parent: StoragePublicKey,
  handle: number = Handle.storageRootKey,
): Uint8Array {
  const { name, area } = parent
  return Resource.write({ handle, name, kind: KIND_OBJECT, publicArea: area })
}

/**
 * Reads a serialised parent.
 *
 * @throws FormatError where it is none, is not a storage key, or its name is not that of the key.
 */
export function parseSerializedParent(bytes: Uint8Array): SerializedParent {
  const { handle, name, publicArea } = decodeWhole(Resource, bytes, 'parent key')
  const key = storageKeyOf(publicArea)
  if (!equalBytes(name, key.name)) {
    throw new FormatError(FORMAT, 'BAD_VALUE', 'the name of the parent key is another key’s', {
      offset: 4,
    })
  }
  return { handle, key }
}
