/**
 * Credentials: opened with the old keys, sealed with the new ones, with the same name and times. A
 * unit may hold several, and some of them may carry the new keys already.
 */

import { equalBytes } from '../bytes/equal.ts'
import { type OpenedCredential, openCredential } from '../credentials/open.ts'
import { sealCredential } from '../credentials/seal.ts'
import { makeTpmPart, type TpmPolicy, type TpmSealer } from '../credentials/tpm-part.ts'
import type { Random } from '../crypto/random.ts'
import { CredentialError, TpmError } from '../errors.ts'
import { type LockedFile, removeStaleLock, withLock } from '../files/lock.ts'
import { describeOtherNames, readForReplacing } from '../files/replace-file.ts'
import { readRegularFile } from '../files/text.ts'
import {
  type CredentialFile,
  type HeldCredential,
  parseCredentialFile,
  replaceCredentials,
} from '../formats/credential/credential-file.ts'
import { decodeCredential } from '../formats/credential/decode.ts'
import type { CredentialHeaders, TpmSeal } from '../formats/credential/headers.ts'
import { MAX_TEXT, PARENT_TYPES } from '../formats/credential/layout.ts'
import { policyDigest } from '../formats/tpm2/policy.ts'
import { decodeSealedBlob } from '../formats/tpm2/sealed-blob.ts'
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

/** A file whose credentials are to be sealed anew: one alone, or those of a unit. */
export function credentialCarrier(path: string, turn: CredentialTurn): Carrier {
  return {
    kind: 'credential',
    path,
    holdsBoth: false,
    examine: async () => ({
      ...(await examineFile(await readCredentials(path), turn)),
      left: await describeOtherNames(path),
    }),
    move: () => withLock(path, (file) => sealAnew(file, turn)),
    tidy: () => removeStaleLock(path),
  }
}

async function readCredentials(path: string): Promise<CredentialFile> {
  return parseCredentialFile(await readRegularFile(path, { maximum: MAX_TEXT }), path)
}

/** The file goes as a whole: it is old while one of its credentials is. */
async function examineFile(file: CredentialFile, turn: CredentialTurn): Promise<Examined> {
  const { credentials } = file
  const found: Examined[] = []
  for (const held of credentials) {
    const { state, note } = await examine(held, turn).catch(sayUnasked)
    found.push({ state, note: note && `${placeOf(held)}${note}` })
  }
  const moved = found.filter(({ state }) => state === 'new').length
  const states = found.map(({ state }) => state)
  const state = (['neither', undefined, 'old', 'new'] as const).find((each) =>
    states.includes(each),
  )
  const notes = [
    ...found.flatMap(({ note }) => note ?? []),
    ...(moved > 0 && state !== 'new'
      ? [`${moved} of ${found.length} credentials carry the new key`]
      : []),
    ...file.notes,
  ]
  return { state, ...(notes.length > 0 && { note: notes.join('; ') }) }
}

function sayUnasked(error: unknown): Examined {
  if (!(error instanceof TpmError) || error.code !== 'NOT_ASKED') throw error
  return { state: undefined, note: error.message }
}

function placeOf({ setting }: HeldCredential): string {
  return setting === undefined ? '' : `line ${setting.line}: `
}

async function examine(held: HeldCredential, turn: CredentialTurn): Promise<Examined> {
  const { headers } = decodeCredential(held.bytes)
  if (headers.type.scoped) {
    return { state: 'neither', note: 'it belongs to one user: extsign cred rekey moves it' }
  }
  const likeness = await compareWithNew(held.bytes, headers, turn)
  if (likeness === 'kind') return { state: 'new', note: OF_ITS_KIND }
  if (likeness === 'new') return { state: 'new' }
  const { acceptNull, ...old } = turn.from
  const opened = await tryOpen(held.bytes, old, acceptNull)
  if (opened instanceof Error) return { state: 'neither', note: opened.message }
  opened.secret.fill(0)
  return { state: 'old', note: findOtherName(held, opened) }
}

/** What keeps systemd from using it, now and later; its name is not ours to change. */
function findOtherName(
  { setting }: HeldCredential,
  { name }: OpenedCredential,
): string | undefined {
  const unitName = setting?.unitName
  if (unitName === undefined || name === undefined || unitName === name) return undefined
  return `it is called '${name}' inside and '${unitName}' in the unit: systemd refuses it`
}

/** The kind that older versions of systemd read does not name the key of the TPM. */
const OF_ITS_KIND = 'sealed for a TPM, of which it does not say which'

/**
 * What stands in the clear has to be what we would write, and the new keys have to open it. Where
 * only a TPM that is elsewhere could do that, the old ones must not.
 *
 * @returns `kind` where it is new unless it is for another TPM that the old keys do not include
 */
async function compareWithNew(
  credential: Uint8Array,
  headers: CredentialHeaders,
  { from, to, withTpm }: CredentialTurn,
): Promise<'new' | 'kind' | 'other'> {
  const { type, tpm2 } = headers
  if (type.host !== (to.host !== undefined) || type.tpm2 !== (withTpm !== undefined)) return 'other'
  const fits = !withTpm || !tpm2 || (await withTpm(async (tpm) => fitsTpm(headers, tpm2, tpm)))
  if (!fits) return 'other'
  const { acceptNull, ...old } = from
  const isElsewhere = type.tpm2 && to.tpm === undefined
  const isPinned = headers.parent !== undefined
  if (isElsewhere && isPinned && !type.host) return 'new'
  const opened = isElsewhere
    ? await tryOpen(credential, old, acceptNull)
    : await tryOpen(credential, to, false)
  const opens = !(opened instanceof Error)
  if (opens) opened.secret.fill(0)
  if (opens === isElsewhere) return 'other'
  return isElsewhere && !isPinned ? 'kind' : 'new'
}

/** Whether its part for a TPM looks like one that is sealed now. */
function fitsTpm(
  { parent }: CredentialHeaders,
  { blob, parentType, policyHash }: TpmSeal,
  { sealer, policy }: SealingTpm,
): boolean {
  if (!equalBytes(policyHash, digestOf(policy))) return false
  if (sealer.kind === 'tpm') return true
  const { template, algorithm } = sealer.parent
  if (template !== 'legacy') {
    return parent !== undefined && equalBytes(parent, serializeParent(sealer.parent))
  }
  const isSealedElsewhere = decodeSealedBlob(blob).seed !== undefined
  return parent === undefined && isSealedElsewhere && PARENT_TYPES[parentType] === algorithm
}

function digestOf({ bank, literal, publicKey }: TpmPolicy): Uint8Array {
  const isFree = literal.size === 0 && publicKey === undefined
  if (isFree) return new Uint8Array(32)
  return policyDigest({
    literal: { bank, values: literal },
    authorize: publicKey && { publicKeyPem: publicKey.pem },
  })
}

/** All that carry old keys, or none of them: the file is replaced once. */
async function sealAnew(locked: LockedFile, turn: CredentialTurn): Promise<void> {
  const examined = await readForReplacing(locked, { maximum: MAX_TEXT })
  const file = parseCredentialFile(examined.bytes, locked.name)
  const sealed = new Map<HeldCredential, Uint8Array>()
  for (const held of file.credentials) {
    const { headers } = decodeCredential(held.bytes)
    // Some may be new ones, and another run may have been here since.
    if ((await compareWithNew(held.bytes, headers, turn)) !== 'other') continue
    sealed.set(held, await sealOne(held.bytes, turn))
  }
  if (sealed.size > 0) await examined.replace(replaceCredentials(file, sealed))
}

async function sealOne(credential: Uint8Array, turn: CredentialTurn): Promise<Uint8Array> {
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
      await assertOpens(sealed.credential, opened, turn)
      return sealed.credential
    } finally {
      part?.secret.fill(0)
    }
  } finally {
    opened.secret.fill(0)
  }
}

/** What takes the place of the old one gives out the same; a TPM may do so only in a later state. */
async function assertOpens(
  credential: Uint8Array,
  { name, timestamp, notAfter, secret }: OpenedCredential,
  { to }: CredentialTurn,
): Promise<void> {
  if (decodeCredential(credential).headers.type.tpm2) return
  const again = await openCredential({ credential, acceptNull: false, host: to.host })
  const isSame =
    equalBytes(again.secret, secret) &&
    again.name === name &&
    again.timestamp === timestamp &&
    again.notAfter === notAfter
  again.secret.fill(0)
  if (!isSame) throw new Error('a credential that was sealed anew holds something else')
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
    if (error instanceof TpmError && error.code !== 'IO' && error.code !== 'NOT_ASKED') return error
    throw error
  }
}
