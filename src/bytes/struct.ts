/**
 * Fixed-size binary structures, declared once as the table in their specification.
 *
 * Size, encoder, decoder and type all come from one declaration, so they cannot disagree.
 */

import { formatUuid, parseUuid, swapGuid } from './uuid.ts'

/** How a value of fixed size is laid out on disk. */
export interface Codec<T> {
  readonly size: number
  write(view: DataView, offset: number, value: T): void
  read(view: DataView, offset: number): T
}

/** A codec made of named fields. */
export interface Struct<T extends object> extends Codec<T> {
  /** Byte offset of each field from the start of the structure. */
  readonly offsets: { readonly [K in keyof T]: number }
}

/** The type of the values of a codec. */
export type Infer<C> = C extends Codec<infer T> ? T : never

/** Fields back to back in the order written; padding exists only where a field spells it out. */
export function struct<T extends object>(fields: { [K in keyof T]: Codec<T[K]> }): Struct<T> {
  const names = Object.keys(fields) as (keyof T)[]
  const offsets = {} as { [K in keyof T]: number }
  let size = 0
  for (const name of names) {
    offsets[name] = size
    size += fields[name].size
  }
  return {
    size,
    offsets,
    write(view, offset, value) {
      for (const name of names) fields[name].write(view, offset + offsets[name], value[name])
    },
    read(view, offset) {
      const value = {} as T
      for (const name of names) value[name] = fields[name].read(view, offset + offsets[name])
      return value
    },
  }
}

/** The bytes of `value`. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const bytes = new Uint8Array(codec.size)
  codec.write(viewOf(bytes), 0, value)
  return bytes
}

/** The value at `offset` of `bytes`. The caller has checked that `codec.size` bytes are there. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array, offset = 0): T {
  return codec.read(viewOf(bytes), offset)
}

/** A view over exactly the bytes of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export const u8 = unsigned(
  1,
  (view, offset, value) => view.setUint8(offset, value),
  (view, offset) => view.getUint8(offset),
)

export const u16le = unsigned(
  2,
  (view, offset, value) => view.setUint16(offset, value, true),
  (view, offset) => view.getUint16(offset, true),
)

export const u32le = unsigned(
  4,
  (view, offset, value) => view.setUint32(offset, value, true),
  (view, offset) => view.getUint32(offset, true),
)

export const u64le: Codec<bigint> = {
  size: 8,
  write(view, offset, value) {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw misfit(value, 8)
    view.setBigUint64(offset, value, true)
  },
  read: (view, offset) => view.getBigUint64(offset, true),
}

export const i64le: Codec<bigint> = {
  size: 8,
  write(view, offset, value) {
    if (value !== BigInt.asIntN(64, value)) throw misfit(value, 8)
    view.setBigInt64(offset, value, true)
  },
  read: (view, offset) => view.getBigInt64(offset, true),
}

/** A number that does not fit is a mistake of the caller, never written modulo what fits. */
function unsigned(
  size: number,
  write: Codec<number>['write'],
  read: Codec<number>['read'],
): Codec<number> {
  const end = 2 ** (8 * size)
  return {
    size,
    write(view, offset, value) {
      if (!(value >= 0 && value < end && Number.isInteger(value))) throw misfit(value, size)
      write(view, offset, value)
    },
    read,
  }
}

function misfit(value: number | bigint, size: number): RangeError {
  return new RangeError(`${value} in a field of ${size} bytes`)
}

/** Exactly `size` bytes; shorter values are padded with zeros. */
export function bytes(size: number): Codec<Uint8Array> {
  return {
    size,
    write(view, offset, value) {
      if (value.length > size) throw new RangeError(`${value.length} bytes in a field of ${size}`)
      new Uint8Array(view.buffer, view.byteOffset + offset, size).fill(0).set(value)
    },
    read: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, size).slice(),
  }
}

/** UUID text stored in textual byte order. */
export const uuid: Codec<string> = {
  size: 16,
  write: (view, offset, value) => bytes(16).write(view, offset, uuidBytes(value)),
  read: (view, offset) => formatUuid(bytes(16).read(view, offset)),
}

/** UUID text stored in the mixed-endian order of UEFI. */
export const guid: Codec<string> = {
  size: 16,
  write: (view, offset, value) => bytes(16).write(view, offset, swapGuid(uuidBytes(value))),
  read: (view, offset) => formatUuid(swapGuid(bytes(16).read(view, offset))),
}

function uuidBytes(text: string): Uint8Array {
  const parsed = parseUuid(text)
  if (!parsed) throw new TypeError(`not a UUID: ${text}`)
  return parsed
}
