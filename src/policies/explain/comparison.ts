/** What comes of comparing. */

import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import type { Difference } from './difference.ts'

/** One thing that was compared. */
export type Comparison =
  | { readonly what: string; readonly ok: true; readonly detail: string }
  | {
      readonly what: string
      readonly ok: false
      readonly expected: string
      readonly found: string
    }

export interface Explanation {
  /** Whether the machine is in a state that was wanted. */
  readonly ok: boolean
  readonly comparisons: readonly Comparison[]
  /** PCRs of a prediction that are not known of the machine, and were not compared. */
  readonly unknown: readonly number[]
  /** The state of the prediction that comes closest, where there is a prediction and one that does. */
  readonly phase: string | undefined
  /** The first difference of each PCR that has another value. */
  readonly differences: readonly Difference[]
}

/** Compares values of PCRs or digests of policies. */
export function compareValues(what: string, expected: Uint8Array, found: Uint8Array): Comparison {
  return equalBytes(expected, found)
    ? { what, ok: true, detail: toHex(found) }
    : { what, ok: false, expected: toHex(expected), found: toHex(found) }
}
