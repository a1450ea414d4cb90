/**
 * A document of signed PCR policies in a rotation: whose it is, and the same with the new key. Readers
 * pick the entry of the key they know, so both can be there.
 */

import { equalBytes } from '../bytes/equal.ts'
import { fromHex, toHex } from '../bytes/hex.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { KeyError } from '../errors.ts'
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
  policyPayload,
} from '../formats/pcr-signature-document.ts'
import type { PcrBank } from '../formats/tpm2/pcr.ts'
import { isPolicySignatureValid, type PolicyPublicKey } from '../keys/policy-key.ts'
import { type PolicySigning, signPolicies } from '../policies/sign.ts'
import type { KeyState } from './carrier.ts'

export interface PolicyKeys {
  readonly oldKey: PolicyPublicKey
  readonly newKey: PolicyPublicKey
  /** The new key, opened when the first policy needs it. */
  readonly signing: () => Promise<PolicySigning>
}

/**
 * What a document carries; undefined where there is nothing in it.
 *
 * @throws KeyError BAD_SIGNATURE for an entry that is not by the key whose it says it is.
 */
export function stateOf(
  document: PcrSignatureDocument,
  name: string,
  { oldKey, newKey }: PolicyKeys,
): KeyState | undefined {
  const signatures = readEntries(document)
  const old = entriesOf(signatures, oldKey, name)
  const current = entriesOf(signatures, newKey, name)
  const isEmpty = [...signatures.values()].every((entries) => entries.length === 0)
  if (old.length === 0) return current.length > 0 ? 'new' : isEmpty ? undefined : 'neither'
  return old.every((entry) => hasTwin(entry, current)) ? 'both' : 'old'
}

/**
 * The document with what the old key approves of approved of by the new key too, or by it alone.
 *
 * @throws KeyError BAD_SIGNATURE as {@link stateOf}, and from the signer.
 */
export async function turnDocument(
  document: PcrSignatureDocument,
  name: string,
  turn: PolicyKeys,
  to: 'both' | 'new',
): Promise<PcrSignatureDocument> {
  const signatures = readEntries(document)
  const old = entriesOf(signatures, turn.oldKey, name)
  const current = entriesOf(signatures, turn.newKey, name)
  const missing = old.filter((entry) => !hasTwin(entry, current))
  const wanted = missing.map((policy) => asUnsigned(policy, turn))
  const signed = wanted.length === 0 ? [] : await signPolicies(wanted, await turn.signing(), name)
  const complete = appendPcrSignatures(document, signed)
  return to === 'new' ? dropEntries(complete, turn.oldKey) : complete
}

/** What the PCRs were is not known any more; that the old key approved of them is. */
function asUnsigned({ bank, entry }: BankedSignature, { oldKey, newKey }: PolicyKeys) {
  const { reference, signature } = entry
  return {
    bank,
    entry: { ...entry, fingerprint: newKey.fingerprint, signature: undefined },
    evidence: {
      bank,
      reference,
      ...(signature && { approval: { publicKeyPem: oldKey.pem, signature } }),
    },
  }
}

/** What a key approves of, bank by bank. */
function readEntries(document: PcrSignatureDocument): PcrSignatures {
  return parsePcrSignatures(encodeUtf8(formatJsonText(document, 'short')))
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
