/** Values inside DER elements: integers, object identifiers, bit strings, and fields in order. */

import { FormatError } from '../../errors.ts'
import { type Element, Tag } from './der.ts'

/** Walks the fields of a SEQUENCE in their order; every field is named in errors. */
export class Fields {
  readonly #parent: Element
  readonly #what: string
  #index = 0

  constructor(parent: Element, what: string, tag: number = Tag.sequence) {
    assertTag(parent, tag, what)
    this.#parent = parent
    this.#what = what
  }

  /** The next field, or undefined at the end; stays where it is. */
  peek(): Element | undefined {
    return this.#parent.children[this.#index]
  }

  /** The next field. With `tag`, it must be of that type. */
  next(name: string, tag?: number): Element {
    const element = this.peek()
    if (!element) {
      throw new FormatError(this.#parent.format, 'BAD_VALUE', `${this.#what} without ${name}`, {
        offset: this.#parent.offset,
      })
    }
    if (tag !== undefined) assertTag(element, tag, `${this.#what} ${name}`)
    this.#index++
    return element
  }

  /** The next field where it has this tag. */
  optional(tag: number): Element | undefined {
    const element = this.peek()
    if (element?.tag !== tag) return undefined
    this.#index++
    return element
  }

  /** Demands that no field is left. */
  end(): void {
    const surplus = this.peek()
    if (!surplus) return
    throw new FormatError(surplus.format, 'BAD_VALUE', `${this.#what} has a surplus field`, {
      offset: surplus.offset,
    })
  }
}

/** @throws FormatError where the element is of another type. */
export function assertTag(element: Element, tag: number, what: string): void {
  if (element.tag === tag) return
  throw bad(element, `${what}: expected tag 0x${hex(tag)}, found 0x${hex(element.tag)}`)
}

/** The only element inside an explicit tag. */
export function readExplicit(element: Element, what: string): Element {
  const [inner, surplus] = element.children
  if (!inner || surplus)
    throw bad(element, `${what} holds ${element.children.length} elements, not one`)
  return inner
}

/** The elements of a SET OF or SEQUENCE OF; more than `limit` are refused. */
export function readMany(element: Element, what: string, limit: number): readonly Element[] {
  if (element.children.length > limit) {
    throw new FormatError(
      element.format,
      'TOO_LARGE',
      `${element.children.length} ${what}, at most ${limit} are read`,
      { offset: element.offset },
    )
  }
  return element.children
}

/** Two's complement bytes of an INTEGER, checked to be the shortest. */
export function readInteger(element: Element, what: string): Uint8Array {
  assertTag(element, Tag.integer, what)
  const [first, second] = element.content
  if (first === undefined) throw bad(element, `${what} is an empty integer`)
  if (second !== undefined && (first === 0 ? second < 0x80 : first === 0xff && second >= 0x80)) {
    throw bad(element, `${what} is encoded in more bytes than needed`)
  }
  return element.content
}

/** Longest serial number read; RFC 5280 §4.1.2.2 allows 20 bytes. */
const MAX_SERIAL = 64

/** A CertificateSerialNumber, which may be negative in the wild. */
export function readSerial(element: Element, what: string): Uint8Array {
  const serial = readInteger(element, what)
  if (serial.length <= MAX_SERIAL) return serial
  throw bad(element, `${what} of ${serial.length} bytes, at most ${MAX_SERIAL} are read`)
}

/** An INTEGER of 0 … 2³¹−1. */
export function readSmallInteger(element: Element, what: string): number {
  const content = readInteger(element, what)
  if (content.length > 4 || content[0]! >= 0x80) throw bad(element, `${what} is out of range`)
  return content.reduce((value, byte) => value * 256 + byte, 0)
}

/** A BOOLEAN; DER knows the bytes 00 and ff only. */
export function readBoolean(element: Element, what: string): boolean {
  assertTag(element, Tag.boolean, what)
  const [value] = element.content
  if (element.content.length !== 1 || (value !== 0 && value !== 0xff)) {
    throw bad(element, `${what} is neither true nor false`)
  }
  return value === 0xff
}

/** An OBJECT IDENTIFIER in dotted text. */
export function readOid(element: Element, what: string): string {
  assertTag(element, Tag.oid, what)
  const { content } = element
  if (content.length === 0 || content.length > 64 || content.at(-1)! >= 0x80) {
    throw bad(element, `${what} is not an object identifier`)
  }
  const arcs: number[] = []
  let arc = 0
  let isFirstByte = true
  for (const byte of content) {
    if (isFirstByte && byte === 0x80) throw bad(element, `${what} has an arc with leading zeros`)
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER / 256) throw bad(element, `${what} has an arc out of range`)
    isFirstByte = byte < 0x80
    if (!isFirstByte) continue
    arcs.push(arc)
    arc = 0
  }
  const root = Math.min(Math.floor(arcs[0]! / 40), 2)
  return [root, arcs[0]! - root * 40, ...arcs.slice(1)].join('.')
}

/** The bytes of a BIT STRING and how many bits at its end do not count. */
export function readBitString(
  element: Element,
  what: string,
): { readonly bytes: Uint8Array; readonly unusedBits: number } {
  assertTag(element, Tag.bitString, what)
  const unusedBits = element.content[0]
  const bytes = element.content.subarray(1)
  if (unusedBits === undefined || unusedBits > 7 || (unusedBits > 0 && bytes.length === 0)) {
    throw bad(element, `${what} is not a bit string`)
  }
  if (bytes.length > 0 && (bytes.at(-1)! & ((1 << unusedBits) - 1)) !== 0) {
    throw bad(element, `${what} has unused bits that are set`)
  }
  return { bytes, unusedBits }
}

/** AlgorithmIdentifier, RFC 5280 §4.1.1.2. */
export interface AlgorithmIdentifier {
  readonly oid: string
  readonly parameters: 'absent' | 'null' | Element
}

/** Reads an AlgorithmIdentifier. */
export function readAlgorithm(element: Element, what: string): AlgorithmIdentifier {
  const fields = new Fields(element, what)
  const oid = readOid(fields.next('algorithm'), what)
  const parameters = fields.peek()
  if (parameters) fields.next('parameters')
  fields.end()
  if (!parameters) return { oid, parameters: 'absent' }
  if (parameters.tag !== Tag.null) return { oid, parameters }
  if (parameters.content.length > 0) throw bad(parameters, `${what} has a NULL with content`)
  return { oid, parameters: 'null' }
}

/** A FormatError at the element. */
export function bad(element: Element, message: string): FormatError {
  return new FormatError(element.format, 'BAD_VALUE', message, { offset: element.offset })
}

function hex(tag: number): string {
  return tag.toString(16).padStart(2, '0')
}
