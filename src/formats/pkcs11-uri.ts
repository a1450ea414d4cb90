/**
 * PKCS#11 URIs (RFC 7512): which token, which key on it, and which module leads there.
 *
 * Attributes that we do not know are refused: they narrow a search, and a search that ignores them
 * could find another key. Unknown ones of the query are refused too, as we could not do what they ask.
 */

import { decodeUtf8, encodeUtf8 } from '../bytes/utf8.ts'
import { FormatError } from '../errors.ts'

/** What a URI says; everything in it narrows the search. */
export interface Pkcs11Uri {
  readonly token?: string
  readonly manufacturer?: string
  readonly model?: string
  readonly serial?: string
  readonly slotId?: number
  /** CKA_LABEL. */
  readonly object?: string
  /** CKA_ID. */
  readonly id?: Uint8Array
  /** Path of the module to load. */
  readonly modulePath?: string
  /** A file with the PIN. */
  readonly pinSource?: string
  /** Whether the PIN itself is in it, which is not kept. */
  readonly hasPinValue: boolean
}

const FORMAT = 'pkcs11 URI'
const MAX_SIZE = 4096
const PATH = ['token', 'manufacturer', 'model', 'serial', 'slot-id', 'object', 'id', 'type']
const QUERY = ['module-path', 'pin-source', 'pin-value']

/** Reads a URI. @throws FormatError, in which no value of an attribute appears. */
export function parsePkcs11Uri(text: string): Pkcs11Uri {
  if (!text.startsWith('pkcs11:')) throw bad('it does not begin with pkcs11:')
  if (text.length > MAX_SIZE) throw bad(`it has more than ${MAX_SIZE} characters`)
  const [path = '', ...rest] = text.slice('pkcs11:'.length).split('?')
  if (rest.length > 1) throw bad('it has two question marks')
  const attributes = new Map([
    ...readAttributes(path, ';', PATH),
    ...readAttributes(rest[0] ?? '', '&', QUERY),
  ])
  const type = readText(attributes, 'type')
  if (type !== undefined && type !== 'private') throw bad('type must be private: a key that signs')
  const id = attributes.get('id')
  const found = {
    token: readText(attributes, 'token'),
    manufacturer: readText(attributes, 'manufacturer'),
    model: readText(attributes, 'model'),
    serial: readText(attributes, 'serial'),
    slotId: readSlot(readText(attributes, 'slot-id')),
    object: readText(attributes, 'object'),
    id,
    modulePath: readText(attributes, 'module-path'),
    pinSource: readPinSource(readText(attributes, 'pin-source')),
  }
  const given = Object.entries(found).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(given), hasPinValue: attributes.has('pin-value') }
}

function readAttributes(text: string, separator: string, known: readonly string[]) {
  const attributes = new Map<string, Uint8Array>()
  for (const part of text === '' ? [] : text.split(separator)) {
    const end = part.indexOf('=')
    const name = end < 0 ? part : part.slice(0, end)
    if (end < 0 || !known.includes(name)) {
      throw bad(`attribute ${JSON.stringify(name)} is not one of ${known.join(', ')}`)
    }
    if (attributes.has(name)) throw bad(`attribute ${name} is there twice`)
    attributes.set(name, decodePercent(part.slice(end + 1), name))
  }
  return attributes
}

function decodePercent(text: string, name: string): Uint8Array {
  const bytes: number[] = []
  for (const [piece, digits] of text.matchAll(/%([0-9a-fA-F]{2})|[^%]+|%/g)) {
    if (digits !== undefined) bytes.push(Number.parseInt(digits, 16))
    else if (piece === '%') throw bad(`attribute ${name} has a % without two digits after it`)
    else for (const byte of encodeUtf8(piece)) bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}

function readText(attributes: ReadonlyMap<string, Uint8Array>, name: string): string | undefined {
  const bytes = attributes.get(name)
  if (bytes === undefined) return undefined
  const text = decodeUtf8(bytes)
  if (text === undefined || text.includes('\0')) throw bad(`attribute ${name} is not UTF-8 text`)
  return text
}

function readSlot(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^(?:0|[1-9]\d{0,14})$/.test(text)) return Number(text)
  throw bad('slot-id is not a number')
}

/** A path, or a file: URI of one. */
function readPinSource(text: string | undefined): string | undefined {
  const path = text?.replace(/^file:(?:\/\/(?=\/))?/, '')
  if (path === undefined || /^[^|]/.test(path)) return path
  throw bad('pin-source must name a file')
}

function bad(fact: string): FormatError {
  return new FormatError(FORMAT, 'BAD_VALUE', fact)
}
