/**
 * Signed PCR policies, in a file or in a UKI: what the old key approves of, the new key approves of
 * as well. Readers pick the entry of the key they know, so both can be there.
 */

import { open } from 'node:fs/promises'
import { equalBytes } from '../bytes/equal.ts'
import { fromHex, toHex } from '../bytes/hex.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { KeyError } from '../errors.ts'
import { toFileError } from '../files/errno.ts'
import { readSmallFile } from '../files/text.ts'
import { formatJsonText } from '../formats/json-text.ts'
import {
  type PcrSignature,
  type PcrSignatures,
  parsePcrSignatures,
} from '../formats/pcr-signature.ts'
import {
  appendPcrSignatures,
  type BankedSignature,
  type PcrSignatureDocument,
  parsePcrSignatureDocument,
  policyPayload,
} from '../formats/pcr-signature-document.ts'
import { readSection } from '../formats/pe/content.ts'
import type { PeSection } from '../formats/pe/decode.ts'
import type { PcrBank } from '../formats/tpm2/pcr.ts'
import {
  isPolicySignatureValid,
  type PolicyPublicKey,
  policyPublicKey,
} from '../keys/policy-key.ts'
import { openUkiFile, type UkiFile } from '../policies/open-uki.ts'
import { readSignatureSection, writeSignatureSections } from '../policies/place.ts'
import { type PolicySigning, signPolicies } from '../policies/sign.ts'
import type { Carrier, Examined, KeyState } from './carrier.ts'
import { replaceFile } from './replace-file.ts'

export interface PolicyTurn {
  readonly oldKey: PolicyPublicKey
  readonly newKey: PolicyPublicKey
  /** The new key, opened when the first policy needs it. */
  readonly signing: () => Promise<PolicySigning>
  /** Put the new signatures in the place of the old ones, where there is no room for both. */
  readonly replace?: boolean | undefined
  /** Remove the Authenticode signature of a UKI, which every change makes invalid. */
  readonly stripAuthenticode?: boolean | undefined
}

const MAX_DOCUMENT = 4 * 1024 * 1024
const MAX_KEY = 64 * 1024

/** A file of signed policies, or a UKI with them. */
export function policyCarrier(path: string, turn: PolicyTurn): Carrier {
  return {
    kind: 'policies',
    path,
    holdsBoth: turn.replace !== true,
    examine: async () => ((await isUki(path)) ? examineUki(path, turn) : examineFile(path, turn)),
    async move(to) {
      if (await isUki(path)) await moveUki(path, turn, to)
      else await moveFile(path, turn, to)
    },
  }
}

async function examineFile(path: string, turn: PolicyTurn): Promise<Examined> {
  return describe([stateOf(readEntries(await readDocument(path)), path, turn)])
}

async function moveFile(path: string, turn: PolicyTurn, to: 'both' | 'new'): Promise<void> {
  const document = await turnDocument(await readDocument(path), path, turn, to)
  await replaceFile(path, encodeUtf8(`${formatJsonText(document, 'short')}\n`))
}

async function readDocument(path: string): Promise<PcrSignatureDocument> {
  return parsePcrSignatureDocument(await readSmallFile(path, { maximum: MAX_DOCUMENT }))
}

async function examineUki(path: string, turn: PolicyTurn): Promise<Examined> {
  const uki = await openUkiFile(path)
  try {
    const states: (KeyState | undefined)[] = []
    for (const section of signatureSections(uki)) {
      states.push(stateOf(readEntries(await readSignatureSection(uki.pe, section)), path, turn))
    }
    const remains = (await embedsOldKey(uki, turn))
      ? 'its .pcrpkey is the old key, which is measured: build the UKI anew'
      : undefined
    return { ...describe(states), remains }
  } finally {
    await uki.close()
  }
}

async function moveUki(path: string, turn: PolicyTurn, to: 'both' | 'new'): Promise<void> {
  const uki = await openUkiFile(path)
  try {
    const documents = new Map<PeSection, PcrSignatureDocument>()
    for (const section of signatureSections(uki)) {
      const document = await readSignatureSection(uki.pe, section)
      documents.set(section, await turnDocument(document, path, turn, to))
    }
    const { stripAuthenticode } = turn
    await writeSignatureSections(uki, documents, { output: path, force: true, stripAuthenticode })
  } finally {
    await uki.close()
  }
}

function signatureSections({ profiles }: UkiFile): readonly PeSection[] {
  return [...new Set(profiles.flatMap(({ signatureSection }) => signatureSection ?? []))]
}

async function embedsOldKey(uki: UkiFile, { oldKey }: PolicyTurn): Promise<boolean> {
  for (const section of uki.pe.sections.filter(({ name }) => name === '.pcrpkey')) {
    const pem = await readSection(uki.pe, section, MAX_KEY)
    const end = pem.findLastIndex((byte) => byte !== 0) + 1
    const { fingerprint } = policyPublicKey(pem.subarray(0, end), `${uki.path} .pcrpkey`)
    if (equalBytes(fingerprint, oldKey.fingerprint)) return true
  }
  return false
}

/** What a key approves of, bank by bank. */
function readEntries(document: PcrSignatureDocument): PcrSignatures {
  return parsePcrSignatures(encodeUtf8(formatJsonText(document, 'short')))
}

/**
 * What a document carries; undefined where there is nothing in it.
 *
 * @throws KeyError BAD_SIGNATURE for an entry that is not by the key whose it says it is.
 */
function stateOf(
  signatures: PcrSignatures,
  name: string,
  { oldKey, newKey }: PolicyTurn,
): KeyState | undefined {
  const old = entriesOf(signatures, oldKey, name)
  const current = entriesOf(signatures, newKey, name)
  const isEmpty = [...signatures.values()].every((entries) => entries.length === 0)
  if (old.length === 0) return current.length > 0 ? 'new' : isEmpty ? undefined : 'neither'
  return old.every((entry) => hasTwin(entry, current)) ? 'both' : 'old'
}

/** The documents of a UKI are as far as the one that is behind. */
function describe(states: readonly (KeyState | undefined)[]): Examined {
  const found = states.filter((state) => state !== undefined)
  if (found.length === 0) return { state: 'neither', note: 'it has no signed policies' }
  for (const state of ['neither', 'old', 'both'] as const) {
    if (!found.includes(state)) continue
    return state === 'neither'
      ? { state, note: 'its policies are signed neither by the old nor by the new key' }
      : { state }
  }
  return { state: 'new' }
}

async function turnDocument(
  document: PcrSignatureDocument,
  name: string,
  turn: PolicyTurn,
  to: 'both' | 'new',
): Promise<PcrSignatureDocument> {
  const signatures = readEntries(document)
  const old = entriesOf(signatures, turn.oldKey, name)
  const current = entriesOf(signatures, turn.newKey, name)
  const missing = old.filter((entry) => !hasTwin(entry, current))
  const wanted = missing.map(({ bank, entry }) => ({
    bank,
    entry: { ...entry, fingerprint: turn.newKey.fingerprint, signature: undefined },
  }))
  const signed = wanted.length === 0 ? [] : await signPolicies(wanted, await turn.signing(), name)
  const complete = appendPcrSignatures(document, signed)
  return to === 'new' ? dropEntries(complete, turn.oldKey) : complete
}

/**
 * The signed entries of a key. Each is verified: whoever could write into the file must not get a
 * policy of his own approved by the new key.
 */
function entriesOf(
  signatures: PcrSignatures,
  key: PolicyPublicKey,
  name: string,
): readonly BankedSignature[] {
  const entries = [...signatures].flatMap(([bank, all]) => all.map((entry) => ({ bank, entry })))
  return entries.filter(({ bank, entry }) => {
    const { fingerprint, signature } = entry
    if (!fingerprint || !signature || !equalBytes(fingerprint, key.fingerprint)) return false
    if (isBy(key, entry, bank, signature)) return true
    throw new KeyError(
      'BAD_SIGNATURE',
      `${name}: the signature of ${bank} policy ${toHex(entry.policy)} does not verify against ${key.name}`,
    )
  })
}

/**
 * ukify 257 signs in the banks other than SHA-256 with their own hash. That opens nothing, but it
 * is by the key: what takes its place is signed as it should have been.
 */
function isBy(
  key: PolicyPublicKey,
  entry: PcrSignature,
  bank: PcrBank,
  signature: Uint8Array,
): boolean {
  const digests = [...new Set(['sha256', bank] as const)]
  const payload = policyPayload(entry)
  return digests.some((digest) => isPolicySignatureValid(key, payload, signature, digest))
}

function hasTwin(wanted: BankedSignature, entries: readonly BankedSignature[]): boolean {
  return entries.some(
    ({ bank, entry }) =>
      bank === wanted.bank &&
      entry.pcrMask === wanted.entry.pcrMask &&
      entry.reference === wanted.entry.reference &&
      equalBytes(entry.policy, wanted.entry.policy),
  )
}

function dropEntries(
  document: PcrSignatureDocument,
  { fingerprint }: PolicyPublicKey,
): PcrSignatureDocument {
  const isOfKey = (entry: unknown) => {
    const text = typeof entry === 'object' && entry && 'pkfp' in entry ? entry.pkfp : undefined
    const found = typeof text === 'string' ? fromHex(text) : undefined
    return found !== undefined && equalBytes(found, fingerprint)
  }
  return Object.fromEntries(
    Object.entries(document).map(([bank, entries]) => [
      bank,
      Array.isArray(entries) ? entries.filter((entry) => !isOfKey(entry)) : entries,
    ]),
  )
}

/** A PE file starts with the letters MZ, JSON never does. */
async function isUki(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'r')
    try {
      const { bytesRead, buffer } = await handle.read(new Uint8Array(2), 0, 2, 0)
      return bytesRead === 2 && buffer[0] === 0x4d && buffer[1] === 0x5a
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw toFileError(error, { path, verb: 'read' })
  }
}
