/** Everything that can be said of a credential without any key. */

import { toHex } from '../bytes/hex.ts'
import { FormatError } from '../errors.ts'
import { decodeCredential, decryptCredential } from '../formats/credential/decode.ts'
import type { PolicyKey, TpmSeal } from '../formats/credential/headers.ts'
import { deriveKey } from '../formats/credential/keys.ts'
import { PARENT_TYPES } from '../formats/credential/layout.ts'
import type { Microseconds } from '../formats/credential/metadata.ts'
import { findPcrBank, type PcrBank, pcrsOf } from '../formats/tpm2/pcr.ts'
import { parsePolicyKey } from '../formats/tpm2/policy-key.ts'
import { decodeSealedBlob } from '../formats/tpm2/sealed-blob.ts'
import { parseSerializedParent } from '../formats/tpm2/serialized-parent.ts'
import { findReadability, type Readability } from './target.ts'

export interface CredentialInspection {
  readonly type: string
  /** Bytes, binary. */
  readonly size: number
  /** Bytes of name, times and secret together. */
  readonly encryptedSize: number
  /** What is needed to open it. */
  readonly needs: readonly ('host-secret' | 'tpm2' | 'pcr-signature')[]
  readonly scope: 'system' | 'user'
  /** The oldest systemd that opens it. */
  readonly since: Readability
  readonly tpm2?: TpmInspection | undefined
  readonly publicKey?: PublicKeyInspection | undefined
  readonly parent?: ParentInspection | undefined
  /** What anybody can open: the metadata of a null key. */
  readonly content?: ContentInspection | undefined
}

export interface TpmInspection {
  readonly bank: PcrBank | undefined
  /** PCRs whose values are part of the policy. */
  readonly pcrs: readonly number[]
  readonly parentType: 'rsa' | 'ecc'
  /** Policy digest, hexadecimal; undefined: whoever reaches the TPM may open it. */
  readonly policy: string | undefined
  /** Whether it was sealed without the TPM, from its public key. */
  readonly sealedOffDevice: boolean
}

export interface PublicKeyInspection {
  /** PCRs that a signed policy must cover. */
  readonly pcrs: readonly number[]
  /** SHA-256 of the public key, as in PCR signatures; undefined where no TPM takes the key. */
  readonly fingerprint: string | undefined
}

export interface ParentInspection {
  readonly handle: string
  /** The key's name in the TPM, hexadecimal. */
  readonly name: string
}

export interface ContentInspection {
  readonly name: string | undefined
  readonly timestamp: Microseconds | undefined
  readonly notAfter: Microseconds | undefined
  readonly secretSize: number
}

/** @throws FormatError where it is no credential, or the TPM's part makes no sense. */
export function inspectCredential(credential: Uint8Array): CredentialInspection {
  const sealed = decodeCredential(credential)
  const { type, tpm2, publicKey, parent } = sealed.headers
  const inspected = tpm2 && inspectSeal(tpm2)
  return {
    type: type.name,
    size: credential.length,
    encryptedSize: sealed.ciphertext.length,
    needs: [
      ...(type.host ? ['host-secret' as const] : []),
      ...(type.tpm2 ? ['tpm2' as const] : []),
      ...(type.publicKey ? ['pcr-signature' as const] : []),
    ],
    scope: type.scoped ? 'user' : 'system',
    since: findReadability(type, inspected?.sealedOffDevice ?? false),
    tpm2: inspected,
    publicKey: publicKey && inspectPublicKey(publicKey),
    parent: parent && inspectParent(parent),
    content: type.host || type.tpm2 ? undefined : openNull(credential),
  }
}

function inspectSeal({ bank, pcrMask, parentType, blob, policyHash }: TpmSeal): TpmInspection {
  return {
    bank: findPcrBank(bank),
    pcrs: pcrsOf(pcrMask),
    parentType: PARENT_TYPES[parentType] ?? 'ecc',
    policy: policyHash.some((byte) => byte !== 0) ? toHex(policyHash) : undefined,
    // Only what was not made by the TPM has to be imported, for which there is a seed.
    sealedOffDevice: decodeSealedBlob(blob).seed !== undefined,
  }
}

function inspectPublicKey({ pcrMask, pem }: PolicyKey): PublicKeyInspection {
  return { pcrs: pcrsOf(pcrMask), fingerprint: fingerprintOf(pem) }
}

function fingerprintOf(pem: Uint8Array): string | undefined {
  try {
    return toHex(parsePolicyKey(pem).fingerprint)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

function inspectParent(serialized: Uint8Array): ParentInspection {
  const { handle, key } = parseSerializedParent(serialized)
  return { handle: `0x${handle.toString(16)}`, name: toHex(key.name) }
}

function openNull(credential: Uint8Array): ContentInspection | undefined {
  const opened = decryptCredential(decodeCredential(credential), deriveKey({}))
  if (opened === undefined) return undefined
  const secretSize = opened.secret.length
  opened.secret.fill(0)
  const { name, timestamp, notAfter } = opened.metadata
  return { name, timestamp, notAfter, secretSize }
}
