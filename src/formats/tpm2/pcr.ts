/** PCR banks and selections: TPM 2.0 Library part 2 §10.6 (TPML_PCR_SELECTION). */

import { concat } from '../../bytes/concat.ts'
import { Algorithm } from './constants.ts'
import { type Layout, list, record, u8, u16 } from './wire.ts'

export type PcrBank = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/** Each bank with its algorithm and the bytes of a value. */
const BANKS: Readonly<Record<PcrBank, { readonly algorithm: number; readonly size: number }>> = {
  sha1: { algorithm: Algorithm.sha1, size: 20 },
  sha256: { algorithm: Algorithm.sha256, size: 32 },
  sha384: { algorithm: Algorithm.sha384, size: 48 },
  sha512: { algorithm: Algorithm.sha512, size: 64 },
}

/** The banks by their names in files. */
export const PCR_BANKS = Object.keys(BANKS) as readonly PcrBank[]

/** PCRs 0 to 23: what a PC has. */
export const PCR_COUNT = 24

const MAX_BANKS = 16
const MASK_SIZE = 3

/** TPM_ALG_ID of a bank. */
export function pcrBankAlgorithm(bank: PcrBank): number {
  return BANKS[bank].algorithm
}

/** The bank of a TPM_ALG_ID, or undefined where it is none we know. */
export function findPcrBank(algorithm: number): PcrBank | undefined {
  return PCR_BANKS.find((bank) => BANKS[bank].algorithm === algorithm)
}

/** Bytes of a PCR of this bank. */
export function pcrSize(bank: PcrBank): number {
  return BANKS[bank].size
}

/** Bit n for PCR n. @throws RangeError for PCRs that there are not. */
export function pcrMask(pcrs: Iterable<number>): number {
  let mask = 0
  for (const pcr of pcrs) {
    if (!Number.isInteger(pcr) || pcr < 0 || pcr >= PCR_COUNT) throw new RangeError(`PCR ${pcr}`)
    mask |= 1 << pcr
  }
  return mask
}

/** The PCRs of a mask, ascending. @throws RangeError for PCRs that there are not. */
export function pcrsOf(mask: number): number[] {
  if (!Number.isInteger(mask) || mask < 0 || mask >= 2 ** PCR_COUNT) {
    throw new RangeError(`mask 0x${mask.toString(16)} of PCRs`)
  }
  return Array.from({ length: PCR_COUNT }, (_, pcr) => pcr).filter((pcr) => mask & (1 << pcr))
}

/** PCRs of one bank. */
export interface PcrSelection {
  /** TPM_ALG_ID. */
  readonly bank: number
  readonly mask: number
}

/** TPML_PCR_SELECTION, §10.9.7. */
export const PcrSelections: Layout<readonly PcrSelection[]> = list(
  record<PcrSelection>({ bank: u16, mask: sizedMask() }),
  MAX_BANKS,
)

/** A size of 8 bits and the mask, lowest PCRs first. PCRs above 23 are not looked at. */
function sizedMask(): Layout<number> {
  return {
    write: (mask) =>
      concat(u8.write(MASK_SIZE), Uint8Array.of(mask & 0xff, (mask >> 8) & 0xff, mask >> 16)),
    read(cursor, field) {
      const bytes = cursor.take(u8.read(cursor, `size of ${field}`), field)
      const byte = (index: number) => bytes[index] ?? 0
      return byte(0) | (byte(1) << 8) | (byte(2) << 16)
    },
  }
}
