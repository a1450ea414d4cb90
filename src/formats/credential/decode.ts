/** A credential taken apart: everything that can be known without its key. */

import { alignUp } from '../../bytes/align.ts'
import { toHex } from '../../bytes/hex.ts'
import { type Codec, decode } from '../../bytes/struct.ts'
import { decryptGcm } from '../../crypto/aes-gcm.ts'
import { FormatError, type FormatErrorCode } from '../../errors.ts'
import { findPcrBank } from '../tpm2/pcr.ts'
import type { CredentialHeaders, PolicyKey, TpmSeal } from './headers.ts'
import {
  ALIGNMENT,
  BLOCK_SIZE,
  FORMAT,
  KEY_SIZE,
  MAX_CREDENTIAL,
  MAX_FIELD,
  MAX_IV,
  MAX_PUBLIC_KEY,
  MainHeader,
  MetadataHeader,
  NO_BANK,
  PARENT_TYPES,
  ParentHeader,
  PCR_BITS,
  POLICY_HASH_SIZE,
  PublicKeyHeader,
  SCOPE_FLAGS,
  ScopeHeader,
  TAG_SIZE,
  Tpm2Header,
} from './layout.ts'
import { decodeMetadata, type SplitPlaintext } from './metadata.ts'
import { type CredentialType, findTypeById, MODE_IDS } from './types.ts'

/** The parts of a credential; byte arrays are views of what was decoded. */
export interface SealedCredential {
  readonly headers: CredentialHeaders
  /** All headers as they stand, which the tag covers too. */
  readonly additional: Uint8Array
  readonly ciphertext: Uint8Array
  readonly tag: Uint8Array
}

/** The least that is encrypted: metadata without a name, and no secret. */
const MIN_CIPHERTEXT = alignUp(MetadataHeader.size, ALIGNMENT)

/** @throws FormatError for whatever is no credential. */
export function decodeCredential(bytes: Uint8Array): SealedCredential {
  if (bytes.length > MAX_CREDENTIAL) {
    throw fail('TOO_LARGE', `${bytes.length} bytes, at most ${MAX_CREDENTIAL} are allowed`)
  }
  const reader = new HeaderReader(bytes)
  const type = readType(reader)
  const main = reader.fixed(MainHeader, 'main header')
  expectValue(main.keySize, KEY_SIZE, 'key size', MainHeader.offsets.keySize)
  expectValue(main.blockSize, BLOCK_SIZE, 'block size', MainHeader.offsets.blockSize)
  expectValue(main.tagSize, TAG_SIZE, 'tag size', MainHeader.offsets.tagSize)
  if (main.ivSize < 1 || main.ivSize > MAX_IV) {
    const found = `IV size is ${main.ivSize}, 1 to ${MAX_IV} are allowed`
    throw fail('OUT_OF_RANGE', found, MainHeader.offsets.ivSize)
  }
  const iv = reader.take(main.ivSize, 'IV')
  reader.align()
  const headers = {
    type,
    iv,
    tpm2: type.tpm2 ? readTpm2(reader) : undefined,
    publicKey: type.publicKey ? readPublicKey(reader) : undefined,
    parent: type.pinned ? readParent(reader) : undefined,
  }
  if (type.scoped) readScope(reader)
  const start = reader.offset
  const end = bytes.length - TAG_SIZE
  if (end - start < MIN_CIPHERTEXT) {
    const needed = MIN_CIPHERTEXT + TAG_SIZE
    const found = `${bytes.length - start} bytes after the headers, at least ${needed} are needed`
    throw fail('TRUNCATED', found, start)
  }
  return {
    headers,
    additional: bytes.subarray(0, start),
    ciphertext: bytes.subarray(start, end),
    tag: bytes.subarray(end),
  }
}

/**
 * What is inside, as views of a fresh array that is the caller's to overwrite; undefined where the
 * key is another one, or any byte of the credential.
 *
 * @throws FormatError where the tag is right and the metadata are not.
 */
export function decryptCredential(
  { headers, additional, ciphertext, tag }: SealedCredential,
  key: Uint8Array,
): SplitPlaintext | undefined {
  const decrypted = decryptGcm({ key, iv: headers.iv, additional }, ciphertext, tag)
  if (decrypted === undefined) return undefined
  try {
    return decodeMetadata(decrypted)
  } catch (error) {
    decrypted.fill(0)
    throw error
  }
}

function readType(reader: HeaderReader): CredentialType {
  const id = reader.peek(16, 'type')
  const type = findTypeById(id)
  if (type !== undefined) return type
  const mode = MODE_IDS.get(toHex(id))
  if (mode !== undefined) {
    throw fail('BAD_VALUE', `type is ${mode}, which is never stored`, 0)
  }
  throw new FormatError(FORMAT, 'BAD_MAGIC', `type ${toHex(id)} is unknown`, {
    offset: 0,
    hint: 'it is no credential, or one of a newer systemd',
  })
}

function readTpm2(reader: HeaderReader): TpmSeal {
  const start = reader.offset
  const { offsets } = Tpm2Header
  const header = reader.fixed(Tpm2Header, 'TPM header')
  const pcrMask = checkMask(header.pcrMask, 'PCR mask', start + offsets.pcrMask)
  // systemd 252 writes "no bank" together with "no PCRs".
  const isKnown =
    findPcrBank(header.bank) !== undefined || (header.bank === NO_BANK && pcrMask === 0)
  if (!isKnown) throw fail('BAD_VALUE', `PCR bank is ${hex(header.bank)}`, start + offsets.bank)
  if (!(header.parentType in PARENT_TYPES)) {
    const found = `type of the parent key is ${hex(header.parentType)}`
    throw fail('BAD_VALUE', found, start + offsets.parentType)
  }
  checkSize(header.blobSize, MAX_FIELD, 'TPM blob', start + offsets.blobSize)
  expectValue(
    header.policyHashSize,
    POLICY_HASH_SIZE,
    'size of the policy hash',
    start + offsets.policyHashSize,
  )
  const blob = reader.take(header.blobSize, 'TPM blob')
  const policyHash = reader.take(header.policyHashSize, 'policy hash')
  reader.align()
  return { pcrMask, bank: header.bank, parentType: header.parentType, blob, policyHash }
}

function readPublicKey(reader: HeaderReader): PolicyKey {
  const start = reader.offset
  const header = reader.fixed(PublicKeyHeader, 'public key header')
  const place = start + PublicKeyHeader.offsets.pcrMask
  const pcrMask = checkMask(header.pcrMask, 'PCR mask of the public key', place)
  if (pcrMask === 0) throw fail('BAD_VALUE', 'PCR mask of the public key is 0', place)
  checkSize(header.size, MAX_PUBLIC_KEY, 'public key', start + PublicKeyHeader.offsets.size)
  const pem = reader.take(header.size, 'public key')
  reader.align()
  return { pcrMask, pem }
}

function readParent(reader: HeaderReader): Uint8Array {
  const start = reader.offset
  const { size } = reader.fixed(ParentHeader, 'parent key header')
  checkSize(size, MAX_FIELD, 'parent key', start)
  const parent = reader.take(size, 'parent key')
  reader.align()
  return parent
}

function readScope(reader: HeaderReader): void {
  const start = reader.offset
  const { flags } = reader.fixed(ScopeHeader, 'scope header')
  if (flags !== SCOPE_FLAGS) throw fail('UNSUPPORTED', `scope flags are ${flags}, not 7`, start)
}

/** Reads headers front to back; every range is checked before it is used. */
class HeaderReader {
  readonly #bytes: Uint8Array
  offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  fixed<T>(codec: Codec<T>, what: string): T {
    return decode(codec, this.take(codec.size, what))
  }

  take(size: number, what: string): Uint8Array {
    const taken = this.peek(size, what)
    this.offset += size
    return taken
  }

  peek(size: number, what: string): Uint8Array {
    if (this.offset + size > this.#bytes.length) {
      const found = `${what} needs ${size} bytes, the input ends at ${this.#bytes.length}`
      throw fail('TRUNCATED', found, this.offset)
    }
    return this.#bytes.subarray(this.offset, this.offset + size)
  }

  /** Padding is authenticated with the rest, and always zero. */
  align(): void {
    const padding = this.take(alignUp(this.offset, ALIGNMENT) - this.offset, 'padding')
    const stray = padding.findIndex((byte) => byte !== 0)
    if (stray >= 0) {
      throw fail('BAD_VALUE', 'padding is not zero', this.offset - padding.length + stray)
    }
  }
}

function checkMask(mask: bigint, what: string, offset: number): number {
  if ((mask & ~PCR_BITS) === 0n) return Number(mask)
  throw fail('BAD_VALUE', `${what} is 0x${mask.toString(16)}, PCRs end at 23`, offset)
}

function checkSize(size: number, maximum: number, what: string, offset: number): void {
  if (size > 0 && size <= maximum) return
  throw fail('OUT_OF_RANGE', `${what} of ${size} bytes, 1 to ${maximum} are allowed`, offset)
}

function expectValue(found: number, expected: number, what: string, offset: number): void {
  if (found !== expected) throw fail('BAD_VALUE', `${what} is ${found}, not ${expected}`, offset)
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`
}

function fail(code: FormatErrorCode, message: string, offset?: number): FormatError {
  return new FormatError(FORMAT, code, message, { offset })
}
