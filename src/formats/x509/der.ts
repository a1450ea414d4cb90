/**
 * DER (ITU-T X.690 §10, §11) as a reader needs it: one strict pass from bytes to elements.
 *
 * Writing is pkijs' business. Reading is ours, because a verifier has to refuse what a BER parser
 * lets pass: indefinite and needlessly long lengths, constructed strings, bytes after the end.
 */

import { FormatError } from '../../errors.ts'

/** Identifier octets of the types we meet. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
} as const

/** One tag-length-value, its bytes shared with the input. */
export interface Element {
  /** Name of the format being read, for errors. */
  readonly format: string
  /** The identifier octet: class, constructed bit and number. */
  readonly tag: number
  /** Where the identifier octet is in the input. */
  readonly offset: number
  /** Tag, length and content. */
  readonly raw: Uint8Array
  readonly content: Uint8Array
  /** What a constructed element holds; empty for a primitive one. */
  readonly children: readonly Element[]
}

/** Larger input is refused unread. A certificate is about 1 KiB, a signature partition at most 4 MiB of text. */
const MAX_SIZE = 1024 * 1024
const MAX_DEPTH = 32
const MAX_ELEMENTS = 20_000

const CONSTRUCTED = 0x20
const CLASS = 0xc0

/**
 * Reads one element and everything in it.
 *
 * @returns the element and how many bytes follow it.
 * @throws FormatError where the bytes are not DER, too large or too deep.
 */
export function readDerPrefix(
  format: string,
  bytes: Uint8Array,
): { readonly element: Element; readonly trailingBytes: number } {
  if (bytes.length > MAX_SIZE) {
    throw new FormatError(
      format,
      'TOO_LARGE',
      `${bytes.length} bytes, at most ${MAX_SIZE} are read`,
    )
  }
  const element = readElement({ format, bytes, elements: 0 }, 0, bytes.length, 0)
  return { element, trailingBytes: bytes.length - element.raw.length }
}

/**
 * Reads one element that takes up all of `bytes`.
 *
 * @throws FormatError as {@link readDerPrefix}, and where bytes follow the element.
 */
export function readDer(format: string, bytes: Uint8Array): Element {
  const { element, trailingBytes } = readDerPrefix(format, bytes)
  if (trailingBytes > 0) {
    throw new FormatError(format, 'BAD_VALUE', `${trailingBytes} bytes follow the end`, {
      offset: element.raw.length,
    })
  }
  return element
}

interface Scan {
  readonly format: string
  readonly bytes: Uint8Array
  elements: number
}

function readElement(scan: Scan, offset: number, end: number, depth: number): Element {
  const { format, bytes } = scan
  const fail = (code: 'TRUNCATED' | 'BAD_VALUE' | 'UNSUPPORTED' | 'TOO_LARGE', message: string) =>
    new FormatError(format, code, message, { offset })
  if (++scan.elements > MAX_ELEMENTS) throw fail('TOO_LARGE', `more than ${MAX_ELEMENTS} elements`)
  if (depth > MAX_DEPTH) throw fail('TOO_LARGE', `nested deeper than ${MAX_DEPTH}`)
  if (end - offset < 2) throw fail('TRUNCATED', 'an element ends before its length')

  const tag = bytes[offset]!
  if ((tag & 0x1f) === 0x1f) throw fail('UNSUPPORTED', 'tag number above 30')
  const constructed = (tag & CONSTRUCTED) !== 0
  if ((tag & CLASS) === 0) {
    const isSequenceOrSet = (tag | CONSTRUCTED) === Tag.sequence || (tag | CONSTRUCTED) === Tag.set
    if (tag === 0 || constructed !== isSequenceOrSet) {
      throw fail('BAD_VALUE', `tag 0x${tag.toString(16).padStart(2, '0')} is not DER`)
    }
  }

  const { length, start } = readLength(scan, offset, end)
  const stop = start + length
  if (stop > end) throw fail('TRUNCATED', `an element of ${length} bytes, ${end - start} are left`)

  const children: Element[] = []
  if (constructed) {
    for (let at = start; at < stop; ) {
      const child = readElement(scan, at, stop, depth + 1)
      children.push(child)
      at += child.raw.length
    }
  }
  return {
    format,
    tag,
    offset,
    raw: bytes.subarray(offset, stop),
    content: bytes.subarray(start, stop),
    children,
  }
}

/** The length octets after the identifier at `offset`, which must be the shortest there are. */
function readLength({ format, bytes }: Scan, offset: number, end: number) {
  const first = bytes[offset + 1]!
  if (first < 0x80) return { length: first, start: offset + 2 }
  const fail = (code: 'TRUNCATED' | 'BAD_VALUE' | 'TOO_LARGE', message: string) =>
    new FormatError(format, code, message, { offset: offset + 1 })
  const count = first & 0x7f
  if (count === 0) throw fail('BAD_VALUE', 'indefinite length')
  if (count > 4) throw fail('TOO_LARGE', `a length of ${count} bytes`)
  const start = offset + 2 + count
  if (start > end) throw fail('TRUNCATED', 'an element ends inside its length')
  let length = 0
  for (const byte of bytes.subarray(offset + 2, start)) length = length * 256 + byte
  if (length < 0x80 || length < 256 ** (count - 1)) {
    throw fail('BAD_VALUE', 'length encoded in more bytes than needed')
  }
  return { length, start }
}
