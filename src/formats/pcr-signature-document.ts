/**
 * Signed PCR policies written: the JSON that `systemd-measure sign` and `policy-digest` print and
 * that `.pcrsig` holds.
 *
 * See systemd src/measure/measure-tool.c. What is in a document already stays, in its order,
 * whoever wrote it; an entry that is there already is not added again.
 */

import { toBase64 } from '../bytes/base64.ts'
import { concat } from '../bytes/concat.ts'
import { toHex } from '../bytes/hex.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { sha256 } from '../crypto/sha256.ts'
import { FormatError } from '../errors.ts'
import type { JsonObject, JsonValue } from './json-text.ts'
import { type PcrSignature, parsePcrSignatureObject } from './pcr-signature.ts'
import { type PcrBank, pcrsOf } from './tpm2/pcr.ts'

/** The whole object: names of banks to arrays of entries, and what else is in it. */
export type PcrSignatureDocument = JsonObject

/** An entry and the bank it is for. */
export interface BankedSignature {
  readonly bank: PcrBank
  readonly entry: PcrSignature
}

export interface EntryForm {
  /** Write `tbs`, the bytes that are signed, as `policy-digest` does since systemd 262. */
  readonly payload?: boolean | undefined
}

/** The bytes a signature of this policy is over: 32, or 64 with a reference. */
export function policyPayload({
  policy,
  reference,
}: Pick<PcrSignature, 'policy' | 'reference'>): Uint8Array {
  return reference === undefined ? policy : concat(policy, sha256(encodeUtf8(reference)))
}

/**
 * Reads a document to append to it.
 *
 * @throws FormatError where it is no JSON object, or a number in it cannot be written back as it is.
 */
export function parsePcrSignatureDocument(bytes: Uint8Array): PcrSignatureDocument {
  // Whatever a JSON parser returns is a JsonValue; its type says so less precisely.
  const document = parsePcrSignatureObject(bytes) as PcrSignatureDocument
  assertExact(document)
  return document
}

/**
 * Adds entries at the ends of the arrays of their banks.
 *
 * @throws FormatError where a bank of the document is no array.
 */
export function appendPcrSignatures(
  document: PcrSignatureDocument,
  additions: readonly BankedSignature[],
  form: EntryForm = {},
): PcrSignatureDocument {
  let result = document
  for (const { bank, entry } of additions) {
    const { [bank]: entries = [], ...others } = result
    if (!Array.isArray(entries)) {
      throw new FormatError('PCR signature', 'BAD_VALUE', `${bank} is not an array`)
    }
    const encoded = encodeEntry(entry, form)
    const isThere = entries.some((each) => isEqualJson(each, encoded))
    // A bank that is written to goes to the end, as with systemd.
    result = { ...others, [bank]: isThere ? entries : [...entries, encoded] }
  }
  return result
}

/**
 * Puts signed entries where unsigned ones wait for them, and the others behind what is there.
 *
 * @throws FormatError where a bank of the document is no array.
 */
export function placePcrSignatures(
  document: PcrSignatureDocument,
  signed: readonly BankedSignature[],
): PcrSignatureDocument {
  let result = document
  for (const { bank, entry } of signed) {
    const entries = result[bank]
    const encoded = encodeEntry(entry, {})
    const waiting = Array.isArray(entries)
      ? entries.findIndex((each) => waitsFor(each, encoded))
      : -1
    result =
      Array.isArray(entries) && waiting >= 0
        ? { ...result, [bank]: entries.with(waiting, fill(entries[waiting], encoded)) }
        : appendPcrSignatures(result, [{ bank, entry }])
  }
  return result
}

/** Whether an entry is the same policy for the same key, or for a key nobody has named yet. */
function waitsFor(waiting: JsonValue, signed: JsonObject): boolean {
  if (!isObject(waiting)) return false
  const isSame = (name: string) => isEqualJson(waiting[name] ?? null, signed[name] ?? null)
  return (
    isSame('pcrs') &&
    isSame('pol') &&
    isSame('ref') &&
    (waiting.pkfp === undefined || isSame('pkfp'))
  )
}

/** What the entry says already stays. */
function fill(waiting: JsonValue | undefined, signed: JsonObject): JsonValue {
  if (!isObject(waiting)) return signed
  const { pcrs = null, pkfp = signed.pkfp, ...rest } = waiting
  return { pcrs, ...(pkfp !== undefined && { pkfp }), ...rest, sig: signed.sig ?? null }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Fields in the order of systemd. */
function encodeEntry(entry: PcrSignature, form: EntryForm): JsonObject {
  const { pcrMask, fingerprint, reference, policy, signature } = entry
  return {
    pcrs: pcrsOf(pcrMask),
    ...(fingerprint && { pkfp: toHex(fingerprint) }),
    ...(reference !== undefined && { ref: reference }),
    pol: toHex(policy),
    ...(form.payload && { tbs: toHex(policyPayload(entry)) }),
    ...(signature && { sig: toBase64(signature) }),
  }
}

/** Whether two values say the same, in whichever order of fields. */
export function isEqualJson(a: JsonValue, b: JsonValue): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))]
  if (Array.isArray(a) !== Array.isArray(b) || left.size !== right.size) return false
  for (const [name, value] of left) {
    const other = right.get(name)
    if (other === undefined || !isEqualJson(value, other)) return false
  }
  return true
}

/** What is kept for others must come out as it went in. */
function assertExact(value: JsonValue): void {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    const message = `number ${value} is beyond what can be kept exactly`
    throw new FormatError('PCR signature', 'OUT_OF_RANGE', message)
  }
  if (typeof value !== 'object' || value === null) return
  for (const each of Object.values(value)) assertExact(each)
}
