/** What the logs of firmware and of userspace have in common. */

import type { PcrBank } from '../tpm2/pcr.ts'

/** A measurement that somebody wrote down. */
export interface LogEvent {
  readonly pcr: number
  /** `EV_IPL`, `EV_SEPARATOR`, …; in the log of userspace `phase`, `machine-id`, …. */
  readonly type: string
  /** What was measured, as far as the log says it for people. */
  readonly description: string
  /** The digest that each bank was extended with. */
  readonly digests: ReadonlyMap<PcrBank, Uint8Array>
  /** Where the record starts in the log, in bytes. */
  readonly offset: number
}

export interface EventLog {
  readonly kind: 'firmware' | 'userspace'
  /** In the order in which they were measured. */
  readonly events: readonly LogEvent[]
  /** Where the TPM was started from: the last byte of PCR 0 before the first measurement. */
  readonly startupLocality: number
}
