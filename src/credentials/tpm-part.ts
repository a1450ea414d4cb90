/**
 * The TPM's part of a credential: a fresh secret, sealed by the TPM, or for it from the public part
 * of one of its storage keys; and unsealed again.
 */

import type { Random } from '../crypto/random.ts'
import type { CredentialHeaders, PolicyKey } from '../formats/credential/headers.ts'
import { PARENT_TYPES } from '../formats/credential/layout.ts'
import type { PcrSignatures } from '../formats/pcr-signature.ts'
import { Algorithm } from '../formats/tpm2/constants.ts'
import { findPcrBank, type PcrBank, pcrBankAlgorithm, pcrMask } from '../formats/tpm2/pcr.ts'
import { policyDigest } from '../formats/tpm2/policy.ts'
import { sealOffline } from '../formats/tpm2/seal-offline.ts'
import { serializeParent } from '../formats/tpm2/serialized-parent.ts'
import type { StoragePublicKey } from '../formats/tpm2/storage-key.ts'
import type { Tpm } from '../keys/tpm/index.ts'
import type { TpmPart } from './seal.ts'

/** Where the secret is sealed. */
export type TpmSealer =
  /** Here, for whoever has the private part of `parent`: no TPM takes part. */
  | { readonly kind: 'offline'; readonly parent: StoragePublicKey }
  /** By a TPM, under its storage root key or under the one older versions of systemd use. */
  | { readonly kind: 'tpm'; readonly tpm: Tpm; readonly parent: 'srk' | 'legacy' }

/** What the TPM demands before it gives the secret out. */
export interface TpmPolicy {
  /** Of the PCRs, and of the signed policies. */
  readonly bank: PcrBank
  /** PCRs and the values that they must have. */
  readonly literal: ReadonlyMap<number, Uint8Array>
  /** The key whose signed policies must allow the state of the machine. */
  readonly publicKey: PolicyKey | undefined
}

export interface TpmPartOptions {
  readonly sealer: TpmSealer
  readonly policy: TpmPolicy
  readonly random: Random
}

export interface MadeTpmPart extends TpmPart {
  /** The key it was sealed to. */
  readonly storageKey: StoragePublicKey
}

const SECRET_SIZE = 32

/**
 * Seals a fresh secret. The caller overwrites it, and makes another part for every credential.
 *
 * The storage root key is named in the credential, which systemd reads since 262; the older primary
 * key is not, and is found by every version.
 *
 * @throws FormatError where the public key is of no use; TpmError
 */
export async function makeTpmPart(options: TpmPartOptions): Promise<MadeTpmPart> {
  const { sealer, policy, random } = options
  const { bank, literal, publicKey } = policy
  const isFree = literal.size === 0 && publicKey === undefined
  const digest = isFree
    ? undefined
    : policyDigest({
        literal: { bank, values: literal },
        authorize: publicKey && { publicKeyPem: publicKey.pem },
      })
  const secret = random(SECRET_SIZE)
  const sealed =
    sealer.kind === 'offline'
      ? {
          ...sealOffline({ parent: sealer.parent, secret, policy: digest, random }),
          parent: sealer.parent,
        }
      : await sealer.tpm.seal({ parent: sealer.parent, secret, policy: digest })
  const isPinned =
    sealer.kind === 'offline' ? sealer.parent.template !== 'legacy' : sealer.parent === 'srk'
  const { blob, policyHash, parent: storageKey } = sealed
  return {
    secret,
    seal: {
      pcrMask: pcrMask(literal.keys()),
      bank: pcrBankAlgorithm(bank),
      parentType: Algorithm[storageKey.algorithm],
      blob,
      policyHash,
    },
    publicKey,
    parent: isPinned ? serializeParent(storageKey) : undefined,
    storageKey,
  }
}

/**
 * The secret in the TPM's part of a credential; the caller overwrites it.
 *
 * @param readSignatures where the signed policies are; asked when the credential needs one
 * @throws TpmError, FormatError
 */
export async function unsealTpmPart(
  headers: CredentialHeaders,
  tpm: Tpm,
  readSignatures: () => Promise<PcrSignatures>,
): Promise<Uint8Array> {
  const { tpm2, publicKey, parent } = headers
  if (tpm2 === undefined) throw new TypeError('a credential without a TPM')
  return tpm.unseal({
    blob: tpm2.blob,
    policyHash: tpm2.policyHash,
    parent: parent
      ? { kind: 'pinned', serialized: parent }
      : { kind: 'legacy', algorithm: PARENT_TYPES[tpm2.parentType] ?? 'ecc' },
    pcrMask: tpm2.pcrMask,
    // An unknown bank goes with no PCRs, and then says nothing.
    bank: findPcrBank(tpm2.bank) ?? 'sha256',
    authorize: publicKey && {
      publicKeyPem: publicKey.pem,
      pcrMask: publicKey.pcrMask,
      signatures: await readSignatures(),
    },
  })
}
