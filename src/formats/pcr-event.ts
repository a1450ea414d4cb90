/**
 * What is measured into a PCR, and what a PCR holds after it.
 *
 * See TPM 2.0 Library part 1 §11.4: a PCR is only ever extended, with one digest for each bank.
 */

import { type DigestAlgorithm, digest } from '../crypto/digest.ts'
import { type PcrBank, pcrSize } from './tpm2/pcr.ts'

/** One measurement: what firmware, boot loader, stub or userspace extends a PCR with. */
export interface MeasuredEvent {
  readonly pcr: number
  /** What is measured, for people: `.linux (name)`, `enter-initrd`. */
  readonly description: string
  /** The digest a PCR of each bank is extended with. */
  readonly digests: ReadonlyMap<PcrBank, Uint8Array>
}

/** The value of a PCR before anything was measured: PCRs 0 to 16 start as zeros. */
export function initialPcr(bank: PcrBank): Uint8Array {
  return new Uint8Array(pcrSize(bank))
}

/** The value of a PCR after it was extended with `digest`. */
export function extendPcr(bank: PcrBank, value: Uint8Array, extension: Uint8Array): Uint8Array {
  const size = pcrSize(bank)
  if (value.length !== size || extension.length !== size) {
    const sizes = `${extension.length} bytes into a PCR of ${value.length}`
    throw new RangeError(`${sizes}: ${bank} has ${size}`)
  }
  return digest(bank satisfies DigestAlgorithm, value, extension)
}

/** The measurement of data that is at hand. */
export function measureData(
  pcr: number,
  description: string,
  data: Uint8Array,
  banks: readonly PcrBank[],
): MeasuredEvent {
  return { pcr, description, digests: new Map(banks.map((bank) => [bank, digest(bank, data)])) }
}

/**
 * The value of `pcr` after `events`; those of other PCRs do not count.
 *
 * @param start the value before them; by default nothing was measured.
 * @throws RangeError where an event has no digest for the bank.
 */
export function replayEvents(
  bank: PcrBank,
  pcr: number,
  events: Iterable<MeasuredEvent>,
  start: Uint8Array = initialPcr(bank),
): Uint8Array {
  let value = start
  for (const event of events) {
    if (event.pcr !== pcr) continue
    const extension = event.digests.get(bank)
    if (!extension) throw new RangeError(`${event.description} was not hashed for ${bank}`)
    value = extendPcr(bank, value, extension)
  }
  return value
}
