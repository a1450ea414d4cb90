/**
 * The signature partition as systemd reads it: less strict than {@link decodeVeritySignature} about
 * what it overlooks, and stricter about the text.
 *
 * See systemd src/shared/dissect-image.c (dissected_image_load_verity_sig_partition), sd-json and
 * src/basic/hexdecoct.c. Where readers could differ, the answer says so.
 */

import { fromBase64 } from '../bytes/base64.ts'
import { fromHex } from '../bytes/hex.ts'
import { decodeUtf8 } from '../bytes/utf8.ts'

export type ReadSignature =
  | { readonly kind: 'read'; readonly rootHash: Uint8Array; readonly signature: Uint8Array }
  /** systemd refuses the image. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** It reads something, which is not known here. */
  | { readonly kind: 'unclear'; readonly reason: string }

/** Larger partitions are not read. */
export const LARGEST_SIGNATURE_PARTITION = 4 * 1024 * 1024
const DEEPEST = 2048
const SMALLEST_ROOT_HASH = 16

/** Reads a signature partition. */
export function readVeritySignature(partition: Uint8Array): ReadSignature {
  if (partition.length > LARGEST_SIGNATURE_PARTITION) {
    return refuse(`EFBIG: a partition of more than ${LARGEST_SIGNATURE_PARTITION} bytes`)
  }
  const end = partition.indexOf(0)
  const bytes = end < 0 ? partition : partition.subarray(0, end)
  if (end >= 0 && partition.subarray(end).some((byte) => byte !== 0)) {
    return refuse('EINVAL: bytes behind the end of the text')
  }
  if (bytes.length === 0) return refuse('ENODATA: the partition is empty')
  const text = decodeUtf8(bytes)
  if (text === undefined) return refuse('EINVAL: the text is not UTF-8')
  const objection = findTextObjection(text)
  if (objection) return refuse(`EINVAL: ${objection}`)
  return readText(text)
}

function readText(text: string): ReadSignature {
  const value = parse(text)
  if (value === undefined) return refuse('EINVAL: the text is not JSON')
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('EINVAL: the text is no JSON object')
  }
  // Of a name that is there twice the first counts; JavaScript takes the last.
  const members = firstMembers(text)
  const rootHash = parse(members.get('rootHash') ?? '')
  const hash = typeof rootHash === 'string' ? fromHex(withoutSpaces(rootHash)) : undefined
  if (!hash) return refuse('EINVAL: rootHash is missing or not hexadecimal')
  if (hash.length < SMALLEST_ROOT_HASH) return { kind: 'unclear', reason: 'a short root hash' }
  const signature = parse(members.get('signature') ?? '')
  const message = typeof signature === 'string' ? fromAnyBase64(signature) : undefined
  if (!message) return refuse('EINVAL: signature is missing or not base64')
  return { kind: 'read', rootHash: hash, signature: message }
}

/** Undefined where the text is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The texts of the values of the outermost object, by name: of valid JSON text. */
function firstMembers(text: string): ReadonlyMap<string, string> {
  const members = new Map<string, string>()
  let depth = 0
  let name: string | undefined
  let start = 0
  const end = (at: number) => {
    if (name !== undefined && !members.has(name)) members.set(name, text.slice(start, at))
    name = undefined
  }
  let string = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') {
      const close = endOfString(text, at + 1)
      if (depth === 1) string = text.slice(at, close + 1)
      at = close
    } else if (character === ':' && depth === 1) {
      name = String(parse(string))
      start = at + 1
    } else if (character === ',' && depth === 1) end(at)
    else if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') {
      if (depth === 1) end(at)
      depth -= 1
    }
  }
  return members
}

/** Where the quote is that ends the string. */
function endOfString(text: string, start: number): number {
  let at = start
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

function fromAnyBase64(text: string): Uint8Array | undefined {
  return fromBase64(withoutSpaces(text).replaceAll('-', '+').replaceAll('_', '/'))
}

function withoutSpaces(text: string): string {
  return text.replace(/[ \t\n\r]/g, '')
}

/** What sd-json has against texts that JSON allows. */
function findTextObjection(text: string): string | undefined {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') {
      const string = readString(text, at + 1)
      if (typeof string === 'string') return string
      at = string.end
    } else if (character === '{' || character === '[') {
      depth += 1
      if (depth > DEEPEST) return `more than ${DEEPEST} levels`
    } else if (character === '}' || character === ']') depth -= 1
  }
  return undefined
}

/** Where the string ends that starts at `start`, or what is wrong with it. */
function readString(text: string, start: number): { readonly end: number } | string {
  let at = start
  while (at < text.length && text[at] !== '"') {
    let code = text.codePointAt(at)!
    if (code === 0x7f) return 'a control character in a text'
    if (code !== 0x5c) at += code > 0xffff ? 2 : 1
    else if (text[at + 1] !== 'u') {
      at += 2
      continue
    } else {
      code = Number.parseInt(text.slice(at + 2, at + 6), 16)
      at += 6
      if (code === 0) return 'a NUL in a text'
      if (isBetween(code, 0xd800, 0xdbff)) {
        const low = /^\\u([0-9a-fA-F]{4})/.exec(text.slice(at, at + 6))?.[1]
        const second = Number.parseInt(low ?? '0', 16)
        if (!isBetween(second, 0xdc00, 0xdfff)) return 'half a surrogate pair in a text'
        at += 6
        code = 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00)
      } else if (isBetween(code, 0xdc00, 0xdfff)) return 'half a surrogate pair in a text'
    }
    if (isBetween(code, 0xfdd0, 0xfdef) || (code & 0xfffe) === 0xfffe) {
      return 'a Unicode noncharacter in a text'
    }
  }
  return { end: at }
}

function isBetween(value: number, first: number, last: number): boolean {
  return value >= first && value <= last
}

function refuse(reason: string): ReadSignature {
  return { kind: 'refused', reason }
}
