/** A credential from its parts. */

import { alignUp } from '../../bytes/align.ts'
import { concat } from '../../bytes/concat.ts'
import { fromHex } from '../../bytes/hex.ts'
import { allocateSecret } from '../../bytes/secret.ts'
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
import type { CredentialType } from './types.ts'

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
  const inner = encodeMetadata(metadata)
  const plaintext = allocateSecret(inner.length + secret.length)
  plaintext.set(inner)
  plaintext.set(secret, inner.length)
  const { ciphertext, tag } = encryptGcm({ key, iv: headers.iv, additional }, plaintext)
  plaintext.fill(0)
  return concat(additional, ciphertext, tag)
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
  const headers = padded(mainHeader(type), iv)
  if (tpm2) {
    const { pcrMask, bank, parentType, blob, policyHash } = tpm2
    const fixed = encode(Tpm2Header, {
      pcrMask: BigInt(pcrMask),
      bank,
      parentType,
      blobSize: blob.length,
      policyHashSize: policyHash.length,
    })
    headers.push(...padded(fixed, blob, policyHash))
  }
  if (publicKey) {
    const { pcrMask, pem } = publicKey
    const fixed = encode(PublicKeyHeader, { pcrMask: BigInt(pcrMask), size: pem.length })
    headers.push(...padded(fixed, pem))
  }
  if (parent) headers.push(...padded(encode(ParentHeader, { size: parent.length }), parent))
  if (type.scoped) headers.push(encode(ScopeHeader, { flags: SCOPE_FLAGS }))
  return concat(...headers)
}

const mainHeaders = new Map<string, Uint8Array>()

/** All that differs between those of a type is the IV behind them. */
function mainHeader({ id }: CredentialType): Uint8Array {
  const made =
    mainHeaders.get(id) ??
    encode(MainHeader, {
      id: fromHex(id)!,
      keySize: KEY_SIZE,
      blockSize: BLOCK_SIZE,
      ivSize: IV_SIZE,
      tagSize: TAG_SIZE,
    })
  mainHeaders.set(id, made)
  return made
}

/** The parts of a header, and zeros up to the next one. */
function padded(...parts: readonly Uint8Array[]): Uint8Array[] {
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  return [...parts, new Uint8Array(alignUp(size, ALIGNMENT) - size)]
}
