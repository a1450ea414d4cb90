/** A credential from its parts. */

import { alignUp } from '../../bytes/align.ts'
import { concat } from '../../bytes/concat.ts'
import { fromHex } from '../../bytes/hex.ts'
import { encode } from '../../bytes/struct.ts'
import { encryptGcm } from '../../crypto/aes-gcm.ts'
import type { CredentialHeaders } from './headers.ts'
import {
  ALIGNMENT,
  BLOCK_SIZE,
  IV_SIZE,
  KEY_SIZE,
  MAX_PLAINTEXT,
  MainHeader,
  ParentHeader,
  PublicKeyHeader,
  SCOPE_FLAGS,
  ScopeHeader,
  TAG_SIZE,
  Tpm2Header,
} from './layout.ts'
import { encodeMetadata, type Metadata } from './metadata.ts'

export interface CredentialContent {
  readonly headers: CredentialHeaders
  readonly metadata: Metadata
  /** At most {@link MAX_PLAINTEXT} bytes. */
  readonly secret: Uint8Array
}

/**
 * The binary credential.
 *
 * @param key 32 bytes, see `deriveKey`
 */
export function encodeCredential(content: CredentialContent, key: Uint8Array): Uint8Array {
  const { headers, metadata, secret } = content
  if (secret.length > MAX_PLAINTEXT) throw new RangeError(`secret of ${secret.length} bytes`)
  const additional = encodeHeaders(headers)
  const encrypted = encryptGcm(
    { key, iv: headers.iv, additional },
    encodeMetadata(metadata),
    secret,
  )
  return concat(additional, encrypted)
}

/** Everything in front of the encrypted part; it is authenticated as it stands. */
export function encodeHeaders({
  type,
  iv,
  tpm2,
  publicKey,
  parent,
}: CredentialHeaders): Uint8Array {
  if (iv.length !== IV_SIZE) throw new RangeError(`IV of ${iv.length} bytes`)
  if (type.tpm2 !== (tpm2 !== undefined)) throw new RangeError('TPM header and type disagree')
  if (type.publicKey !== (publicKey !== undefined)) throw new RangeError('key and type disagree')
  if (type.pinned !== (parent !== undefined)) throw new RangeError('parent and type disagree')
  const main = encode(MainHeader, {
    id: fromHex(type.id)!,
    keySize: KEY_SIZE,
    blockSize: BLOCK_SIZE,
    ivSize: IV_SIZE,
    tagSize: TAG_SIZE,
  })
  const headers = [padded(main, iv)]
  if (tpm2) {
    const { pcrMask, bank, parentType, blob, policyHash } = tpm2
    const fixed = encode(Tpm2Header, {
      pcrMask: BigInt(pcrMask),
      bank,
      parentType,
      blobSize: blob.length,
      policyHashSize: policyHash.length,
    })
    headers.push(padded(fixed, blob, policyHash))
  }
  if (publicKey) {
    const { pcrMask, pem } = publicKey
    const fixed = encode(PublicKeyHeader, { pcrMask: BigInt(pcrMask), size: pem.length })
    headers.push(padded(fixed, pem))
  }
  if (parent) headers.push(padded(encode(ParentHeader, { size: parent.length }), parent))
  if (type.scoped) headers.push(encode(ScopeHeader, { flags: SCOPE_FLAGS }))
  return concat(...headers)
}

function padded(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = concat(...parts)
  return concat(joined, new Uint8Array(alignUp(joined.length, ALIGNMENT) - joined.length))
}
