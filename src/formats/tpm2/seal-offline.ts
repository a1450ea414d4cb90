/**
 * Sealing without the TPM: the object is made here and encrypted to the public part of a storage key
 * of the target, which imports it when it unseals. systemd does so since version 255.
 *
 * See TPM 2.0 Library part 1 §23.3 (duplication; this is a duplicate without an original), part 2
 * §12.3.2 (TPMT_SENSITIVE), part 3 §13.3 (TPM2_Import).
 */

import { concat } from '../../bytes/concat.ts'
import { encryptAesCfb } from '../../crypto/aes-cfb.ts'
import type { Random } from '../../crypto/random.ts'
import { hmacSha256, sha256 } from '../../crypto/sha256.ts'
import { Algorithm, Attribute } from './constants.ts'
import { deriveKey } from './key-derivation.ts'
import { POLICY_SIZE } from './policy.ts'
import { type KeyedHashArea, objectName } from './public-area.ts'
import { encodeSealedBlob } from './sealed-blob.ts'
import { shareSecret } from './secret-sharing.ts'
import type { StoragePublicKey } from './storage-key.ts'
import { buffer, record, sized, u16 } from './wire.ts'

/** A secret that only a TPM can give back. */
export interface SealedBlob {
  readonly blob: Uint8Array
  /** The policy of the object: 32 bytes, zeros where it has none. */
  readonly policyHash: Uint8Array
}

export interface SealInput {
  /** The key of the target under which the secret is sealed. */
  readonly parent: StoragePublicKey
  /** 1 to 128 bytes; credentials have 32. The caller overwrites it. */
  readonly secret: Uint8Array
  /** Digest of the policy, 32 bytes; undefined opens for whoever can talk to the TPM. */
  readonly policy: Uint8Array | undefined
  readonly random: Random
}

/** MAX_SYM_DATA: what a TPM seals at most. */
export const MAX_SECRET = 128

const Sensitive = sized(
  record({
    type: u16,
    authValue: buffer(32),
    seed: buffer(32),
    secret: buffer(MAX_SECRET),
  }),
)
const Integrity = buffer(32)
const ZERO_IV = new Uint8Array(16)

/**
 * Seals a secret to a storage key.
 *
 * The object has no other attribute than to be free of dictionary attack protection: it has no
 * password to guess. It is not fixed to the TPM, or it could not be imported; without a policy for
 * it, it cannot be exported again.
 *
 * @throws RangeError where secret or policy have an impossible size.
 */
export function sealOffline({ parent, secret, policy, random }: SealInput): SealedBlob {
  assertSizes(secret, policy)
  const { secret: seed, encrypted } = shareSecret(parent, 'DUPLICATE', random)
  const area = sealedArea(Attribute.noDictionaryAttackProtection, policy, sha256(seed, secret))
  const sensitive = Sensitive.write({
    type: Algorithm.keyedHash,
    authValue: new Uint8Array(),
    seed,
    secret,
  })
  const privatePart = protect(parent, seed, objectName(area), sensitive)
  sensitive.fill(0)
  seed.fill(0)
  return {
    blob: encodeSealedBlob({ private: privatePart, public: area, seed: encrypted }),
    policyHash: policy ? policy.slice() : new Uint8Array(POLICY_SIZE),
  }
}

/** @throws RangeError where a TPM would not take them. */
export function assertSizes(secret: Uint8Array, policy: Uint8Array | undefined): void {
  if (secret.length < 1 || secret.length > MAX_SECRET) {
    throw new RangeError(`a secret of ${secret.length} bytes, a TPM seals 1 to ${MAX_SECRET}`)
  }
  if (policy && policy.length !== POLICY_SIZE) {
    throw new RangeError(`a policy digest of ${policy.length} bytes, expected ${POLICY_SIZE}`)
  }
}

/**
 * The public area of a sealed object. systemd writes and expects a policy of zeros where there is
 * none: no session ever has another digest.
 */
export function sealedArea(
  attributes: number,
  policy: Uint8Array | undefined,
  unique: Uint8Array,
): KeyedHashArea {
  return {
    type: Algorithm.keyedHash,
    nameAlgorithm: Algorithm.sha256,
    attributes,
    authPolicy: policy ?? new Uint8Array(POLICY_SIZE),
    scheme: Algorithm.null,
    unique,
  }
}

/** The outer wrap of part 1 §22.4: encrypted, then authenticated together with the name. */
function protect(
  parent: StoragePublicKey,
  seed: Uint8Array,
  name: Uint8Array,
  sensitive: Uint8Array,
): Uint8Array {
  const { symmetric } = parent.area
  const keyBits = 'mode' in symmetric ? symmetric.keyBits : 128
  const storageKey = deriveKey(seed, 'STORAGE', name, keyBits / 8)
  const encrypted = encryptAesCfb(storageKey, ZERO_IV, sensitive)
  storageKey.fill(0)
  const integrityKey = deriveKey(seed, 'INTEGRITY', new Uint8Array(), 32)
  const mac = hmacSha256(integrityKey, concat(encrypted, name))
  integrityKey.fill(0)
  return concat(Integrity.write(mac), encrypted)
}
