/**
 * TPM structures of variable size, declared once as the table in their specification: big-endian
 * numbers, sized buffers (TPM2B), lists (TPML).
 *
 * See TPM 2.0 Library part 2 §4.4 (names of types), §10.4 (sized buffers).
 */

import { concat } from '../../bytes/concat.ts'
import { allocateSecret, copySecret, joinSecret } from '../../bytes/secret.ts'
import { viewOf } from '../../bytes/struct.ts'
import { FormatError } from '../../errors.ts'

export const FORMAT = 'tpm2'

/** How a value becomes bytes and bytes a value. */
export interface Layout<T> {
  /** The bytes in an array of their own, to be overwritten by whoever knows that they are secret. */
  write(value: T): Uint8Array
  /** @param field what is being read, for errors */
  read(cursor: Cursor, field: string): T
}

/** The type of the values of a layout. */
export type Infer<L> = L extends Layout<infer T> ? T : never

/** Walks over bytes; nothing is read past `end`. */
export class Cursor {
  readonly #bytes: Uint8Array
  readonly #end: number
  #offset: number

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#offset = offset
    this.#end = end
  }

  get offset(): number {
    return this.#offset
  }

  get left(): number {
    return this.#end - this.#offset
  }

  /** A cursor over the next `size` bytes, which this one steps over. */
  within(size: number, field: string): Cursor {
    const start = this.#offset
    this.#step(size, field)
    return new Cursor(this.#bytes, start, start + size)
  }

  /** A copy of the next `size` bytes, in memory of its own: it may be a secret. */
  take(size: number, field: string): Uint8Array {
    const start = this.#offset
    this.#step(size, field)
    return copySecret(this.#bytes.subarray(start, start + size))
  }

  /** @throws FormatError where something is left. */
  finish(field: string): void {
    if (this.left === 0) return
    throw this.bad(`${this.left} bytes follow the end of ${field}`)
  }

  /** The error for what stands at `offset`; without it, for what comes next. */
  bad(message: string, offset = this.#offset): FormatError {
    return new FormatError(FORMAT, 'BAD_VALUE', message, { offset })
  }

  #step(size: number, field: string): void {
    if (size > this.left) {
      const message = `${field} needs ${size} bytes, ${this.left} are left`
      throw new FormatError(FORMAT, 'TRUNCATED', message, { offset: this.#offset })
    }
    this.#offset += size
  }
}

/** The one value that `bytes` hold, from the first to the last. */
export function decodeWhole<T>(layout: Layout<T>, bytes: Uint8Array, field: string): T {
  const cursor = new Cursor(bytes)
  const value = layout.read(cursor, field)
  cursor.finish(field)
  return value
}

export const u8 = number(1, (view, value) => view.setUint8(0, value))
export const u16 = number(2, (view, value) => view.setUint16(0, value))
export const u32 = number(4, (view, value) => view.setUint32(0, value))

/** Fields back to back in the order written. */
export function record<T extends object>(fields: { [K in keyof T]: Layout<T[K]> }): Layout<T> {
  const names = Object.keys(fields) as (keyof T & string)[]
  return {
    write: (value) => joinSecret(names.map((name) => fields[name].write(value[name]))),
    read(cursor) {
      const value = {} as T
      for (const name of names) value[name] = fields[name].read(cursor, name)
      return value
    },
  }
}

/** TPM2B: a size of 16 bits and so many bytes, at most `limit`. */
export function buffer(limit: number): Layout<Uint8Array> {
  return {
    write(value) {
      if (value.length > limit) throw new RangeError(`${value.length} bytes, at most ${limit}`)
      const bytes = allocateSecret(2 + value.length)
      viewOf(bytes).setUint16(0, value.length)
      bytes.set(value, 2)
      return bytes
    },
    read(cursor, field) {
      const { offset } = cursor
      const size = u16.read(cursor, `size of ${field}`)
      if (size <= limit) return cursor.take(size, field)
      throw cursor.bad(`${field} of ${size} bytes, at most ${limit}`, offset)
    },
  }
}

/** TPM2B around a structure that fills it. */
export function sized<T>(layout: Layout<T>): Layout<T> {
  return {
    write(value) {
      const bytes = layout.write(value)
      return joinSecret([u16.write(bytes.length), bytes])
    },
    read(cursor, field) {
      const inner = cursor.within(u16.read(cursor, `size of ${field}`), field)
      const value = layout.read(inner, field)
      inner.finish(field)
      return value
    },
  }
}

/** TPML: a count of 32 bits and so many values, at most `limit`. */
export function list<T>(layout: Layout<T>, limit: number): Layout<readonly T[]> {
  return {
    write: (values) =>
      concat(u32.write(values.length), ...values.map((each) => layout.write(each))),
    read(cursor, field) {
      const { offset } = cursor
      const count = u32.read(cursor, `count of ${field}`)
      if (count > limit) throw cursor.bad(`${count} ${field}, at most ${limit}`, offset)
      return Array.from({ length: count }, (_, index) => layout.read(cursor, `${field} ${index}`))
    },
  }
}

/** A number that has one value only where we read and write it. */
export function only(layout: Layout<number>, expected: number): Layout<number> {
  return {
    write: layout.write,
    read(cursor, field) {
      const { offset } = cursor
      const found = layout.read(cursor, field)
      if (found === expected) return found
      const message = `${field}: expected 0x${expected.toString(16)}, found 0x${found.toString(16)}`
      throw new FormatError(FORMAT, 'UNSUPPORTED', message, { offset })
    },
  }
}

/** No fields at all. */
export const nothing: Layout<Record<never, never>> = record({})

function number(size: 1 | 2 | 4, set: (view: DataView, value: number) => void): Layout<number> {
  return {
    write(value) {
      if (!Number.isInteger(value) || value < 0 || value >= 2 ** (size * 8)) {
        throw new RangeError(`${value} in a field of ${size} bytes`)
      }
      const bytes = new Uint8Array(size)
      set(viewOf(bytes), value)
      return bytes
    },
    read: (cursor, field) =>
      cursor.take(size, field).reduce((value, byte) => value * 256 + byte, 0),
  }
}
