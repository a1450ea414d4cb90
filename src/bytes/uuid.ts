/**
 * UUIDs: 16 bytes in textual order (RFC 9562), and the mixed-endian GUID form of UEFI,
 * where the first three fields are byte-swapped.
 */

import { fromHex, toHex } from './hex.ts'

const TEXT = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/

/** The usual 8-4-4-4-12 lower-case text of 16 bytes in textual order. */
export function formatUuid(bytes: Uint8Array): string {
  const hex = toHex(bytes)
  const cuts = [0, 8, 12, 16, 20, 32]
  return cuts
    .slice(1)
    .map((end, index) => hex.slice(cuts[index], end))
    .join('-')
}

/** 16 bytes in textual order of a UUID written 8-4-4-4-12, or undefined where it is not one. */
export function parseUuid(text: string): Uint8Array | undefined {
  return TEXT.test(text) ? fromHex(text.replaceAll('-', '')) : undefined
}

/** Swaps between textual order and the mixed-endian order of UEFI 2.10 appendix A; its own inverse. */
export function swapGuid(bytes: Uint8Array): Uint8Array {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
  return Uint8Array.from(order, (index) => bytes[index] ?? 0)
}
