/** Events before they are hashed. */

import { startDigest } from '../../crypto/digest.ts'
import type { PcrBank } from '../../formats/tpm2/pcr.ts'
import type { PredictedEvent } from './prediction.ts'

/** PCRs that are predicted, by systemd's names. */
export const Pcr = {
  /** Up to systemd 253 a copy of part of kernelConfig. */
  kernelConfigCopy: 8,
  kernelBoot: 11,
  kernelConfig: 12,
  sysexts: 13,
} as const

/** What is measured, with the data instead of its digests. */
export interface DraftEvent extends Omit<PredictedEvent, 'digests' | 'pcr'> {
  /** Each is extended with the same. */
  readonly pcrs: readonly number[]
  readonly data: Uint8Array | (() => AsyncIterable<Uint8Array>)
}

/** Hashes what is to be measured: one event for each PCR. @throws FileError where a file fails. */
export async function measureDraft(
  { pcrs, data, by, description, reason, files }: DraftEvent,
  banks: readonly PcrBank[],
): Promise<readonly PredictedEvent[]> {
  const running = banks.map((bank) => [bank, startDigest(bank)] as const)
  for await (const piece of data instanceof Uint8Array ? [data] : data()) {
    for (const [, digest] of running) digest.update(piece)
  }
  const digests = new Map(running.map(([bank, digest]) => [bank, digest.finish()]))
  return pcrs.map((pcr) => ({ pcr, by, description, reason, files, digests }))
}
