/**
 * The signature partition: one JSON object, then NUL bytes to the end.
 *
 * See UAPI.2 (verity signature partitions), systemd src/shared/dissect-image.c (what a reader
 * accepts) and src/repart/repart.c (what is written).
 */

import { fromBase64, toBase64 } from '../bytes/base64.ts'
import { fromHex, toHex } from '../bytes/hex.ts'
import { decodeUtf8, encodeUtf8 } from '../bytes/utf8.ts'
import { FormatError } from '../errors.ts'
import { parseJson } from './json.ts'

/** What a signature partition says. */
export interface VeritySignature {
  /** 32 bytes for SHA-256. */
  readonly rootHash: Uint8Array
  /** SHA-256 of the signing certificate's DER form: a remark that no reader relies on. */
  readonly certificateFingerprint?: Uint8Array
  /** PKCS#7 message, DER. */
  readonly signature: Uint8Array
  /** Names of fields this version does not know; readers ignore them. */
  readonly extraFields: readonly string[]
}

const FORMAT = 'verity signature'
/** Larger partitions are refused by systemd. */
const MAX_SIZE = 4 * 1024 * 1024
const MIN_ROOT_HASH = 16
const MAX_ROOT_HASH = 64
const KNOWN_FIELDS = ['rootHash', 'certificateFingerprint', 'signature']

/**
 * The content of a signature partition of `size` bytes.
 *
 * @throws FormatError TOO_LARGE where text and at least one NUL byte do not fit.
 */
export function encodeVeritySignature(
  value: Omit<VeritySignature, 'extraFields'>,
  size = 16384,
): Uint8Array {
  const text = formatText(value)
  if (text.length + 1 > size) {
    throw new FormatError(
      FORMAT,
      'TOO_LARGE',
      `${text.length} characters and a NUL byte do not fit in ${size} bytes`,
      { hint: 'leave the certificate out of the signature, or sign with a smaller key' },
    )
  }
  const partition = new Uint8Array(size)
  partition.set(text)
  return partition
}

/** Bytes that text and one NUL byte take. */
export function veritySignatureSize(value: Omit<VeritySignature, 'extraFields'>): number {
  return formatText(value).length + 1
}

function formatText(value: Omit<VeritySignature, 'extraFields'>): Uint8Array {
  return encodeUtf8(
    JSON.stringify({
      rootHash: toHex(value.rootHash),
      certificateFingerprint: value.certificateFingerprint && toHex(value.certificateFingerprint),
      signature: toBase64(value.signature),
    }),
  )
}

/**
 * Reads a signature partition.
 *
 * Unknown fields and spaces are accepted, as the specification reserves the right to add fields.
 * A field that is there twice is not: two readers could disagree about which one counts.
 *
 * @throws FormatError for anything else a reader would stumble over.
 */
export function decodeVeritySignature(partition: Uint8Array): VeritySignature {
  if (partition.length > MAX_SIZE) {
    const message = `partition of ${partition.length} bytes, readers stop at ${MAX_SIZE}`
    throw new FormatError(FORMAT, 'TOO_LARGE', message)
  }
  const text = readText(partition)
  const object = parseObject(text)
  const rootHash = readHex(object, 'rootHash')
  if (rootHash === undefined) throw missing('rootHash')
  if (rootHash.length < MIN_ROOT_HASH || rootHash.length > MAX_ROOT_HASH) {
    throw new FormatError(FORMAT, 'OUT_OF_RANGE', `rootHash has ${rootHash.length} bytes`)
  }
  const certificateFingerprint = readHex(object, 'certificateFingerprint')
  const encoded = object.signature
  if (encoded === undefined) throw missing('signature')
  const signature = typeof encoded === 'string' ? fromBase64(encoded) : undefined
  if (!signature) throw new FormatError(FORMAT, 'BAD_VALUE', 'signature is not base64')
  if (signature.length === 0) throw new FormatError(FORMAT, 'BAD_VALUE', 'signature is empty')
  return {
    rootHash,
    ...(certificateFingerprint && { certificateFingerprint }),
    signature,
    extraFields: Object.keys(object).filter((name) => !KNOWN_FIELDS.includes(name)),
  }
}

/** The text before the first NUL byte; after it there may be nothing else. */
function readText(partition: Uint8Array): string {
  const end = partition.indexOf(0)
  const bytes = end < 0 ? partition : partition.subarray(0, end)
  const stray = end < 0 ? -1 : partition.findIndex((byte, index) => index > end && byte !== 0)
  if (stray >= 0) {
    throw new FormatError(FORMAT, 'BAD_VALUE', 'byte after the end of the text', { offset: stray })
  }
  if (bytes.length === 0) {
    throw new FormatError(FORMAT, 'BAD_VALUE', 'the partition is empty', {
      hint: 'an image to be signed later must not have this partition in its table yet',
    })
  }
  const text = decodeUtf8(bytes)
  if (text === undefined) throw new FormatError(FORMAT, 'BAD_VALUE', 'text is not UTF-8')
  return text
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  const refuse = (fault: string) => new FormatError(FORMAT, 'BAD_VALUE', `text is ${fault}`)
  const value = parseJson(text, refuse)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FormatError(FORMAT, 'BAD_VALUE', 'JSON is not an object')
  }
  const twice = findRepetition(objectKeys(text))
  if (twice !== undefined) {
    throw new FormatError(FORMAT, 'BAD_VALUE', `field ${JSON.stringify(twice)} is there twice`)
  }
  return { ...value }
}

function findRepetition(names: Iterable<string>): string | undefined {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) return name
    seen.add(name)
  }
  return undefined
}

/** The keys of the outermost object of valid JSON text, each as often as it is there. */
function* objectKeys(text: string): Generator<string> {
  let depth = 0
  /** A string of the outermost object that may be a key: what follows it decides. */
  let string: string | undefined
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') {
      const end = endOfString(text, at)
      string = depth === 1 ? text.slice(at, end) : undefined
      at = end - 1
    } else if (character === ':') {
      if (string !== undefined) yield String(JSON.parse(string))
    } else if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') depth -= 1
  }
}

/** Behind the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = start + 1
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return end + 1
}

function readHex(object: Readonly<Record<string, unknown>>, field: string): Uint8Array | undefined {
  const value = object[field]
  if (value === undefined) return undefined
  const bytes = typeof value === 'string' ? fromHex(value) : undefined
  if (!bytes) throw new FormatError(FORMAT, 'BAD_VALUE', `${field} is not hexadecimal`)
  return bytes
}

function missing(field: string): FormatError {
  return new FormatError(FORMAT, 'BAD_VALUE', `field ${field} missing`)
}
