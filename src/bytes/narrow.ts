import { FormatError } from '../errors.ts'

/** A 64-bit value as a number, where it is one that JavaScript can count exactly. */
export function narrow(value: bigint, format: string, field: string, offset?: number): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < -BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new FormatError(format, 'OUT_OF_RANGE', `${field} is ${value}`, { offset })
  }
  return Number(value)
}
