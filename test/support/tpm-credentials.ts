/** Credentials whose key is only in a TPM, put together for systemd-creds and taken apart again. */

import { randomBytes } from '../../src/crypto/random.ts'
import {
  decodeCredential,
  decryptCredential,
  deriveKey,
  encodeCredential,
  findTypeByBinding,
  formatCredential,
  parseCredentialText,
} from '../../src/formats/credential/index.ts'
import type { PcrSignatures } from '../../src/formats/pcr-signature.ts'
import {
  findPcrBank,
  type SealedBlob,
  type StoragePublicKey,
  serializeParent,
} from '../../src/formats/tpm2/index.ts'
import type { Tpm, UnsealInput } from '../../src/keys/tpm/index.ts'

export interface TpmCredential {
  readonly sealed: SealedBlob
  readonly parent: StoragePublicKey
  /** What was sealed. */
  readonly key: Uint8Array
  readonly pcrMask?: number
  /** Where the parent is, when not at the usual place. */
  readonly handle?: number
  readonly publicKey?: Uint8Array
}

/** PCR 11: what signed policies are about. */
export const SIGNED_PCRS = 1 << 11
const SHA256 = 0x000b
const PARENT_TYPES = { rsa: 0x0001, ecc: 0x0023 } as const

/** The text of a credential of the pinned type for the storage root key, else of the older one. */
export function writeCredential(credential: TpmCredential, name: string, secret: string): string {
  const { sealed, parent, key, pcrMask = 0, handle, publicKey } = credential
  const pinned = parent.template !== 'legacy'
  const binding = { host: false, tpm2: true, publicKey: publicKey !== undefined, pinned }
  const type = findTypeByBinding({ ...binding, scoped: false })!
  const headers = {
    type,
    iv: randomBytes(12),
    tpm2: { pcrMask, bank: SHA256, parentType: PARENT_TYPES[parent.algorithm], ...sealed },
    ...(publicKey && { publicKey: { pcrMask: SIGNED_PCRS, pem: publicKey } }),
    ...(pinned && { parent: serializeParent(parent, handle) }),
  }
  const metadata = { name, timestamp: undefined, notAfter: undefined }
  const content = { headers, metadata, secret: new TextEncoder().encode(secret) }
  return formatCredential(encodeCredential(content, deriveKey({ tpm: key })))
}

/** What `writeCredential` and systemd-creds wrote, opened with the TPM. */
export async function openCredential(
  text: Uint8Array,
  tpm: Tpm,
  signatures: PcrSignatures = new Map(),
): Promise<string> {
  const credential = decodeCredential(parseCredentialText(text).bytes)
  const key = await tpm.unseal(unsealInput(credential, signatures))
  const decrypted = decryptCredential(credential, deriveKey({ tpm: key }))
  if (!decrypted) throw new Error('the unsealed secret is not the key of the credential')
  return new TextDecoder().decode(decrypted.secret)
}

function unsealInput(
  { headers }: ReturnType<typeof decodeCredential>,
  signatures: PcrSignatures,
): UnsealInput {
  const { tpm2, parent, publicKey } = headers
  if (!tpm2) throw new Error('no TPM in this credential')
  const algorithm = tpm2.parentType === PARENT_TYPES.rsa ? 'rsa' : 'ecc'
  return {
    ...tpm2,
    bank: findPcrBank(tpm2.bank)!,
    parent: parent ? { kind: 'pinned', serialized: parent } : { kind: 'legacy', algorithm },
    authorize: publicKey && {
      publicKeyPem: publicKey.pem,
      pcrMask: publicKey.pcrMask,
      signatures,
    },
  }
}
