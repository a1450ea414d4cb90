/**
 * Signed PCR policies: the JSON in the `.pcrsig` section of a UKI and in `tpm2-pcr-signature.json`.
 *
 * See systemd src/shared/tpm2-util.c (how a reader picks a signature) and src/measure (who writes
 * it). One object: names of banks to arrays of signatures.
 */

import { fromBase64 } from '../bytes/base64.ts'
import { equalBytes } from '../bytes/equal.ts'
import { fromHex } from '../bytes/hex.ts'
import { decodeUtf8 } from '../bytes/utf8.ts'
import { FormatError } from '../errors.ts'
import { parseJson } from './json.ts'
import { PCR_BANKS, PCR_COUNT, type PcrBank, pcrMask } from './tpm2/pcr.ts'

/** One approved state of the PCRs. */
export interface PcrSignature {
  /** Bit n for PCR n. */
  readonly pcrMask: number
  /** SHA-256 of the key in PKCS#1 form, 32 bytes; absent in digests nobody has signed yet. */
  readonly fingerprint: Uint8Array | undefined
  /** A reference that limits what the signature is good for; credentials use none. */
  readonly reference: string | undefined
  /** Digest of PolicyPCR over these PCRs, 32 bytes. */
  readonly policy: Uint8Array
  /** RSASSA-PKCS1-v1_5 with SHA-256; absent where nobody has signed yet. */
  readonly signature: Uint8Array | undefined
}

/** The signatures of each bank, in the order of the file; banks nobody knows are left out. */
export type PcrSignatures = ReadonlyMap<PcrBank, readonly PcrSignature[]>

/** What must be approved, and by whom. */
export interface WantedPolicy {
  readonly bank: PcrBank
  readonly pcrMask: number
  readonly fingerprint: Uint8Array
  /** Digest of PolicyPCR over the current values. */
  readonly policy: Uint8Array
}

/** The signature that fits, or the first thing that none has. */
export type FoundSignature =
  | { readonly kind: 'found'; readonly signature: Uint8Array }
  | { readonly kind: 'missing'; readonly field: 'bank' | 'key' | 'pcrs' | 'policy' | 'signature' }

const FORMAT = 'PCR signature'
const MAX_SIZE = 4 * 1024 * 1024
const MAX_ENTRIES = 65536
const DIGEST_SIZE = 32

/**
 * Reads the JSON. Unknown fields are ignored, as readers do.
 *
 * @throws FormatError where it is not such an object.
 */
export function parsePcrSignatures(bytes: Uint8Array): PcrSignatures {
  return readPcrSignatures(parsePcrSignatureObject(bytes))
}

/**
 * The JSON as it is, with everything in it that nobody knows.
 *
 * @throws FormatError where it is no JSON object.
 */
export function parsePcrSignatureObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (bytes.length > MAX_SIZE) {
    const message = `${bytes.length} bytes, at most ${MAX_SIZE} are read`
    throw new FormatError(FORMAT, 'TOO_LARGE', message)
  }
  return parseObject(bytes)
}

/** The signatures in such an object. @throws FormatError where one is not of that form. */
export function readPcrSignatures(object: Readonly<Record<string, unknown>>): PcrSignatures {
  const banks = PCR_BANKS.filter((bank) => Object.hasOwn(object, bank))
  return new Map(banks.map((bank) => [bank, readBank(bank, object[bank])]))
}

/** Picks the signature for a state of the PCRs, or names what no entry of the file has. */
export function findPcrSignature(signatures: PcrSignatures, wanted: WantedPolicy): FoundSignature {
  const steps = [
    ['key', (entry) => isSame(entry.fingerprint, wanted.fingerprint)],
    ['pcrs', (entry) => entry.pcrMask === wanted.pcrMask && entry.reference === undefined],
    ['policy', (entry) => equalBytes(entry.policy, wanted.policy)],
    ['signature', (entry) => entry.signature !== undefined],
  ] as const satisfies readonly (readonly [string, (entry: PcrSignature) => boolean])[]
  let entries = signatures.get(wanted.bank) ?? []
  if (entries.length === 0) return { kind: 'missing', field: 'bank' }
  for (const [field, fits] of steps) {
    entries = entries.filter(fits)
    if (entries.length === 0) return { kind: 'missing', field }
  }
  return { kind: 'found', signature: entries[0]!.signature! }
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const text = decodeUtf8(bytes)
  if (text === undefined) throw bad('text is not UTF-8')
  return asObject(
    parseJson(text, (fault) => bad(`text is ${fault}`)),
    'JSON',
  )
}

function readBank(bank: PcrBank, value: unknown): readonly PcrSignature[] {
  if (!Array.isArray(value)) throw bad(`${bank} is not an array`)
  if (value.length > MAX_ENTRIES) throw bad(`${bank} has more than ${MAX_ENTRIES} entries`)
  return value.map((entry, index) => readEntry(asObject(entry, `${bank} ${index}`), bank, index))
}

function readEntry(
  object: Readonly<Record<string, unknown>>,
  bank: PcrBank,
  index: number,
): PcrSignature {
  const place = `${bank} ${index}`
  const policy = readDigest(object, 'pol', place)
  if (policy === undefined) throw bad(`${place}: field pol missing`)
  return {
    pcrMask: readPcrs(object.pcrs, place),
    fingerprint: readDigest(object, 'pkfp', place),
    reference: readReference(object.ref, place),
    policy,
    signature: readSignature(object.sig, place),
  }
}

function readPcrs(value: unknown, place: string): number {
  const isPcr = (pcr: unknown) =>
    Number.isInteger(pcr) && Number(pcr) >= 0 && Number(pcr) < PCR_COUNT
  if (!Array.isArray(value) || value.length > PCR_COUNT || !value.every(isPcr)) {
    throw bad(`${place}: pcrs is not a list of numbers from 0 to ${PCR_COUNT - 1}`)
  }
  return pcrMask(value)
}

function readDigest(
  object: Readonly<Record<string, unknown>>,
  field: string,
  place: string,
): Uint8Array | undefined {
  const value = object[field]
  if (value === undefined) return undefined
  const bytes = typeof value === 'string' ? fromHex(value) : undefined
  if (bytes?.length === DIGEST_SIZE) return bytes
  throw bad(`${place}: ${field} is not ${DIGEST_SIZE} bytes in hexadecimal`)
}

function readReference(value: unknown, place: string): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string') return value
  throw bad(`${place}: ref is not text`)
}

function readSignature(value: unknown, place: string): Uint8Array | undefined {
  if (value === undefined) return undefined
  const bytes = typeof value === 'string' ? fromBase64(value) : undefined
  if (bytes && bytes.length > 0) return bytes
  throw bad(`${place}: sig is not base64`)
}

function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw bad(`${what} is not an object`)
}

function isSame(found: Uint8Array | undefined, wanted: Uint8Array): boolean {
  return found !== undefined && equalBytes(found, wanted)
}

function bad(message: string): FormatError {
  return new FormatError(FORMAT, 'BAD_VALUE', message)
}
