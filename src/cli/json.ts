/**
 * JSON for programs: two blanks of indent, fields in the order written, a newline at the end.
 * Bytes are lower-case hex, 64-bit integers beyond the safe range decimal strings, dates ISO 8601.
 */

import { toHex } from '../bytes/hex.ts'

/** The whole document, printable as it is: control characters are escaped by JSON itself. */
export function formatJson(value: unknown): string {
  return `${stringify(value, 2)}\n`
}

/** An array whose elements are written one at a time, in the form of {@link formatJson}. */
export interface JsonArray {
  /** The text of one more element, and of what stands in front of it. */
  add(value: unknown): string
  end(): string
}

export function jsonArray(): JsonArray {
  let isEmpty = true
  return {
    add(value) {
      const text = `${isEmpty ? '[' : ','}\n${stringify(value, 2).replaceAll(/^/gm, '  ')}`
      isEmpty = false
      return text
    },
    end: () => (isEmpty ? '[]\n' : '\n]\n'),
  }
}

/** The same in one line, without the newline. */
export function formatJsonLine(value: unknown): string {
  return stringify(value, 0)
}

function stringify(value: unknown, indent: number): string {
  const text = JSON.stringify(toPlain(value), undefined, indent)
  // JSON leaves DEL, the C1 controls and lone direction marks as they are; terminals do not.
  return text.replace(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, escapeUnit)
}

function escapeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function toPlain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  }
  if (value instanceof Uint8Array) return toHex(value)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Map) return toPlain(Object.fromEntries(value))
  if (Array.isArray(value)) return value.map(toPlain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, field]) =>
      field === undefined || typeof field === 'function' ? [] : [[key, toPlain(field)]],
    ),
  )
}
