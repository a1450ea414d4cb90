/** Credentials: opened with the old keys, sealed with the new ones, with the same name and times. */

import { equalBytes } from '../bytes/equal.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { type OpenedCredential, openCredential } from '../credentials/open.ts'
import { sealCredential } from '../credentials/seal.ts'
import { makeTpmPart, type TpmPolicy, type TpmSealer } from '../credentials/tpm-part.ts'
import type { Random } from '../crypto/random.ts'
import { CredentialError, TpmError } from '../errors.ts'
import { type LockedFile, removeStaleLock, withLock } from '../files/lock.ts'
import { readForReplacing } from '../files/replace-file.ts'
import { readRegularFile } from '../files/text.ts'
import { decodeCredential } from '../formats/credential/decode.ts'
import type { CredentialHeaders } from '../formats/credential/headers.ts'
import { MAX_TEXT } from '../formats/credential/layout.ts'
import { formatCredential, parseCredentialText } from '../formats/credential/text.ts'
import { policyDigest } from '../formats/tpm2/policy.ts'
import { serializeParent } from '../formats/tpm2/serialized-parent.ts'
import type { Carrier, Examined } from './carrier.ts'

/** What opens credentials; each is asked for when one needs it. */
export interface OpeningKeys {
  readonly host?: (() => Promise<Uint8Array>) | undefined
  readonly tpm?: ((headers: CredentialHeaders) => Promise<Uint8Array>) | undefined
}

/** A TPM, or the key of one, and what it shall demand. */
export interface SealingTpm {
  readonly sealer: TpmSealer
  readonly policy: TpmPolicy
}

export interface CredentialTurn {
  readonly from: OpeningKeys & {
    /** Take those with a null key too, which anybody could have made. */
    readonly acceptNull: boolean
  }
  /** What opens the new ones; without `tpm` those for a TPM are known by what stands in the clear. */
  readonly to: OpeningKeys
  /** Seals to a TPM too: calls `use` while it is open. */
  readonly withTpm?: (<T>(use: (tpm: SealingTpm) => Promise<T>) => Promise<T>) | undefined
  readonly random: Random
}

/** A credential that is to be sealed anew. */
export function credentialCarrier(path: string, turn: CredentialTurn): Carrier {
  return {
    kind: 'credential',
    path,
    holdsBoth: false,
    examine: async () => examine(await readCredential(path), turn),
    move: () => withLock(path, (file) => sealAnew(file, turn)),
    tidy: () => removeStaleLock(path),
  }
}

async function readCredential(path: string): Promise<Uint8Array> {
  return parseCredentialText(await readRegularFile(path, { maximum: MAX_TEXT })).bytes
}

async function examine(credential: Uint8Array, turn: CredentialTurn): Promise<Examined> {
  const { headers } = decodeCredential(credential)
  if (headers.type.scoped) {
    return { state: 'neither', note: 'it belongs to one user: extsign cred rekey moves it' }
  }
  if (await isNew(credential, headers, turn)) return { state: 'new' }
  const { acceptNull, ...old } = turn.from
  const opened = await tryOpen(credential, old, acceptNull)
  if (!(opened instanceof Error)) {
    opened.secret.fill(0)
    return { state: 'old' }
  }
  return { state: 'neither', note: opened.message }
}

/** What stands in the clear has to be what we would write, and the new keys have to open it. */
async function isNew(
  credential: Uint8Array,
  headers: CredentialHeaders,
  { to, withTpm }: CredentialTurn,
): Promise<boolean> {
  const { type, tpm2, parent } = headers
  if (type.host !== (to.host !== undefined) || type.tpm2 !== (withTpm !== undefined)) return false
  if (withTpm && tpm2) {
    const fits = await withTpm(async ({ sealer, policy }) => {
      const pinned =
        sealer.kind === 'offline' && sealer.parent.template !== 'legacy'
          ? serializeParent(sealer.parent)
          : undefined
      const isSameParent = pinned === undefined || (parent && equalBytes(parent, pinned))
      return isSameParent && equalBytes(tpm2.policyHash, digestOf(policy))
    })
    if (!fits) return false
    if (to.tpm === undefined) return parent !== undefined
  }
  const opened = await tryOpen(credential, to, false)
  if (opened instanceof Error) return false
  opened.secret.fill(0)
  return true
}

function digestOf({ bank, literal, publicKey }: TpmPolicy): Uint8Array {
  const isFree = literal.size === 0 && publicKey === undefined
  if (isFree) return new Uint8Array(32)
  return policyDigest({
    literal: { bank, values: literal },
    authorize: publicKey && { publicKeyPem: publicKey.pem },
  })
}

async function sealAnew(file: LockedFile, turn: CredentialTurn): Promise<void> {
  const examined = await readForReplacing(file, { maximum: MAX_TEXT })
  const credential = parseCredentialText(examined.bytes).bytes
  // Another run may have been here since.
  if ((await examine(credential, turn)).state === 'new') return
  const { from, withTpm, to, random } = turn
  const { acceptNull, host, tpm } = from
  const opened = await openCredential({ credential, acceptNull, host, tpm })
  try {
    const part = await withTpm?.(({ sealer, policy }) => makeTpmPart({ sealer, policy, random }))
    try {
      const { name, timestamp, notAfter, secret } = opened
      const sealed = sealCredential({
        ...{ name, timestamp, notAfter, secret, random },
        host: await to.host?.(),
        tpm: part,
      })
      await examined.replace(encodeUtf8(formatCredential(sealed.credential)))
    } finally {
      part?.secret.fill(0)
    }
  } finally {
    opened.secret.fill(0)
  }
}

/** The content, or why these keys do not open it; expired ones are opened too. */
async function tryOpen(
  credential: Uint8Array,
  { host, tpm }: OpeningKeys,
  acceptNull: boolean,
): Promise<OpenedCredential | CredentialError | TpmError> {
  try {
    return await openCredential({ credential, acceptNull, host, tpm })
  } catch (error) {
    if (error instanceof CredentialError && error.code !== 'BAD_HOST_SECRET') return error
    // The TPM says no to what was sealed by another one, or for another state.
    if (error instanceof TpmError && error.code !== 'IO') return error
    throw error
  }
}
