/** What a prediction consists of. */

import type { MeasuredEvent } from '../../formats/pcr-event.ts'
import type { PcrBank } from '../../formats/tpm2/pcr.ts'
import type { Choice } from '../../formats/uki/profiles.ts'
import type { SkippedFile } from './addons.ts'
import type { UnpredictablePcr } from './unpredictable.ts'

/** A measurement that will be made, and why. */
export interface PredictedEvent extends MeasuredEvent {
  readonly by: 'systemd-boot' | 'systemd-stub' | 'userspace'
  readonly reason: string
  /** Files of this host that it comes from. */
  readonly files: readonly string[]
}

/** PCRs at one point of the boot. */
export interface PredictedState {
  /** A phase path; empty where the kernel has just started. */
  readonly phase: string
  /** What userspace measures until then. */
  readonly events: readonly PredictedEvent[]
  readonly pcrs: ReadonlyMap<PcrBank, ReadonlyMap<number, Uint8Array>>
}

export interface Prediction {
  /** The file that was read, and its path on the ESP. */
  readonly uki: string
  readonly ukiPath: string
  readonly stubVersion: number
  readonly profile: number
  /** What the machine is taken to choose, where the UKI leaves it a choice. */
  readonly choices: readonly Choice[]
  readonly banks: readonly PcrBank[]
  /** What is measured until the kernel starts, in order. */
  readonly events: readonly PredictedEvent[]
  readonly states: readonly PredictedState[]
  /** Addons that firmware loads and measures into PCR 4, in order, whether the stub takes them or not. */
  readonly loadedAddons: readonly string[]
  /** Files that look as if they were measured, and are not. */
  readonly skipped: readonly SkippedFile[]
  /** What has to hold for all this to come true. */
  readonly conditions: readonly string[]
  readonly unpredictable: readonly UnpredictablePcr[]
}
