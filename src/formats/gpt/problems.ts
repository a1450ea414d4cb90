/** What is wrong with a partition table, and how two versions of a structure are compared. */

import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import { decode, encode, type Struct } from '../../bytes/struct.ts'

/** One thing in a partition table that is not as it must be. */
export interface GptProblem {
  readonly structure: GptStructure
  /** The field, in the words of the UEFI specification. */
  readonly field: string
  readonly expected: string
  readonly found: string
  /** Byte offset in the file. */
  readonly offset: number
}

export type GptStructure =
  | 'file'
  | 'protective MBR'
  | 'primary header'
  | 'primary entries'
  | 'backup header'
  | 'backup entries'

/** Where the compared bytes come from. */
export interface Place {
  readonly structure: GptStructure
  /** Byte offset in the file of the first compared byte. */
  readonly offset: number
  /** Put before the name of a field, for example `entry 3`. */
  readonly prefix?: string
}

const HEX_FIELDS = /crc32|signature|revision|attributes|osType/i

/** A problem for every field of `expected` whose bytes differ in `found`. */
export function compareStruct<T extends object>(
  codec: Struct<T>,
  found: Uint8Array,
  expected: T,
  place: Place,
): GptProblem[] {
  const expectedBytes = encode(codec, expected)
  const foundValue = decode(codec, found)
  const names = Object.keys(codec.offsets) as (keyof T & string)[]
  const problems: GptProblem[] = []
  for (const [index, name] of names.entries()) {
    const start = codec.offsets[name]
    const next = names[index + 1]
    const end = next === undefined ? codec.size : codec.offsets[next]
    const want = expectedBytes.subarray(start, end)
    const have = found.subarray(start, end)
    if (equalBytes(want, have)) continue
    const texts = [display(name, expected[name]), display(name, foundValue[name])] as const
    // The same value in other bytes: something is hidden after the end of a name.
    const [expectedText, foundText] = texts[0] === texts[1] ? [toHex(want), toHex(have)] : texts
    problems.push({
      structure: place.structure,
      field: place.prefix === undefined ? name : `${place.prefix} ${name}`,
      expected: expectedText,
      found: foundText,
      offset: place.offset + start,
    })
  }
  return problems
}

/** A problem for the first byte of `found` that is not zero. */
export function compareZeros(found: Uint8Array, field: string, place: Place): GptProblem[] {
  const index = found.findIndex((byte) => byte !== 0)
  if (index < 0) return []
  const value = `0x${found[index]!.toString(16).padStart(2, '0')}`
  return [
    {
      structure: place.structure,
      field: place.prefix === undefined ? field : `${place.prefix} ${field}`,
      expected: 'zeros',
      found: value,
      offset: place.offset + index,
    },
  ]
}

function display(field: string, value: unknown): string {
  if (value instanceof Uint8Array) return toHex(value)
  if (typeof value === 'number' || typeof value === 'bigint') {
    return HEX_FIELDS.test(field) ? `0x${value.toString(16)}` : String(value)
  }
  return typeof value === 'string' ? JSON.stringify(value) : 'a record'
}
