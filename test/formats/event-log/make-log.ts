/** Firmware event logs written straight from the specification. */

import { createHash } from 'node:crypto'

export interface MadeEvent {
  readonly pcr: number
  readonly type: number
  readonly data: Uint8Array
  /** What was measured, where it is not the data itself. */
  readonly measured?: Uint8Array
}

const ALGORITHMS = { sha1: [0x0004, 20], sha256: [0x000b, 32], sha384: [0x000c, 48] } as const

export type LogAlgorithm = keyof typeof ALGORITHMS

const u16 = (...values: readonly number[]) => {
  const bytes = Buffer.alloc(2 * values.length)
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value, 2 * index)
  return bytes
}
const u32 = (...values: readonly number[]) => {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index)
  return bytes
}

/** The first event, which says what digests the others have. */
export function makeHeader(algorithms: readonly LogAlgorithm[]): Uint8Array {
  const sizes = algorithms.map((name) => u16(...ALGORITHMS[name]))
  const version = Uint8Array.of(0, 0, 0, 0, 0, 2, 0, 2)
  const id = Buffer.concat([
    Buffer.from('Spec ID Event03\0'),
    version,
    u32(algorithms.length),
    ...sizes,
    Uint8Array.of(0),
  ])
  return Buffer.concat([u32(0, 3), Buffer.alloc(20), u32(id.length), id])
}

export function makeEvent(event: MadeEvent, algorithms: readonly LogAlgorithm[]): Uint8Array {
  const { pcr, type, data, measured = data } = event
  const digests = algorithms.map((name) =>
    Buffer.concat([u16(ALGORITHMS[name][0]), createHash(name).update(measured).digest()]),
  )
  return Buffer.concat([u32(pcr, type, algorithms.length), ...digests, u32(data.length), data])
}

export function makeLog(
  events: readonly MadeEvent[],
  algorithms: readonly LogAlgorithm[] = ['sha1', 'sha256'],
): Uint8Array {
  const parts = events.map((event) => makeEvent(event, algorithms))
  return new Uint8Array(Buffer.concat([makeHeader(algorithms), ...parts]))
}

export const utf16 = (text: string): Uint8Array => Buffer.from(`${text}\0`, 'utf16le')

/** The data of a tagged event. */
export const tagged = (tag: number, data: Uint8Array): Uint8Array =>
  Buffer.concat([u32(tag, data.length), data])

/** UEFI_IMAGE_LOAD_EVENT for a program by its path. */
export function imageLoad(path: string): Uint8Array {
  const text = utf16(path)
  const node = Buffer.concat([Uint8Array.of(4, 4), u16(4 + text.length), text])
  const end = Uint8Array.of(0x7f, 0xff, 4, 0)
  const header = Buffer.alloc(32)
  header.writeBigUInt64LE(BigInt(node.length + end.length), 24)
  return Buffer.concat([header, node, end])
}

/** UEFI_VARIABLE_DATA of a variable in EFI_GLOBAL_VARIABLE. */
export function variable(name: string, data: Uint8Array): Uint8Array {
  const text = Buffer.from(name, 'utf16le')
  const sizes = Buffer.alloc(16)
  sizes.writeBigUInt64LE(BigInt(name.length), 0)
  sizes.writeBigUInt64LE(BigInt(data.length), 8)
  const guid = Buffer.from('61dfe48bca93d211aa0d00e098032b8c', 'hex')
  return Buffer.concat([guid, sizes, text, data])
}
