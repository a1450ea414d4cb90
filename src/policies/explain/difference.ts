/** Where the measurements of a boot first leave what was predicted. */

import { equalBytes } from '../../bytes/equal.ts'
import { extendPcr, initialPcr, replayEvents } from '../../formats/pcr-event.ts'
import type { PcrBank } from '../../formats/tpm2/pcr.ts'
import type { ObservedEvent } from './observation.ts'
import type { SavedEvent } from './saved-prediction.ts'

/** The first difference of one PCR. */
export interface Difference {
  readonly pcr: number
  /** Position among the events of this PCR, counted from 0. */
  readonly position: number
  /**
   * `changed`: another measurement stands in its place. `missing`: what was expected did not come,
   * the rest did. `unexpected`: something came in between. `ended`: nothing came any more.
   * `unknown`: only the value is known, and no single event explains it.
   */
  readonly kind: 'changed' | 'missing' | 'unexpected' | 'ended' | 'unknown'
  readonly expected: SavedEvent | undefined
  readonly found: ObservedEvent | undefined
}

/** More events than this are not tried one by one. */
const MAX_GUESSES = 512

/** Compares two lists of events of a PCR; undefined where they are the same. */
export function findDifference(
  pcr: number,
  expected: readonly SavedEvent[],
  found: readonly ObservedEvent[],
): Difference | undefined {
  const position = expected.findIndex((event, index) => !isSame(event, found[index]))
  const at = position < 0 ? expected.length : position
  const [wanted, there] = [expected[at], found[at]]
  if (wanted === undefined && there === undefined) return undefined
  return { pcr, position: at, kind: kindOf(expected, found, at), expected: wanted, found: there }
}

function kindOf(
  expected: readonly SavedEvent[],
  found: readonly ObservedEvent[],
  at: number,
): Difference['kind'] {
  const wanted = expected[at]
  const there = found[at]
  if (there === undefined) return 'ended'
  if (wanted === undefined) return 'unexpected'
  const comes = found.slice(at).some((event) => isSame(wanted, event))
  const follows = expected.slice(at).some((event) => isSame(event, there))
  if (comes === follows) return 'changed'
  return comes ? 'unexpected' : 'missing'
}

/** Two events are one where every bank that both know agrees, and there is such a bank. */
function isSame(expected: SavedEvent, found: ObservedEvent | undefined): boolean {
  if (found === undefined) return false
  const shared = [...expected.digests].filter(([bank]) => found.digests.has(bank))
  return (
    shared.length > 0 &&
    shared.every(([bank, digest]) => equalBytes(digest, found.digests.get(bank)!))
  )
}

/** What of the usual accidents leads to a value: an event left out, or none after some point. */
export function guessDifference(
  bank: PcrBank,
  pcr: number,
  expected: readonly SavedEvent[],
  found: Uint8Array,
): Difference {
  const reached = findPrefix(bank, expected, found)
  if (reached !== undefined) {
    return { pcr, position: reached, kind: 'ended', expected: expected[reached], found: undefined }
  }
  const tries = expected.slice(0, MAX_GUESSES)
  const missing = tries.findIndex((_, index) => {
    const others = expected.filter((_, other) => other !== index)
    return equalBytes(replayEvents(bank, pcr, others), found)
  })
  return missing < 0
    ? { pcr, position: 0, kind: 'unknown', expected: undefined, found: undefined }
    : { pcr, position: missing, kind: 'missing', expected: expected[missing], found: undefined }
}

/** After how many of the events the PCR has the value. */
function findPrefix(
  bank: PcrBank,
  events: readonly SavedEvent[],
  found: Uint8Array,
): number | undefined {
  let value = initialPcr(bank)
  for (const [index, { digests }] of events.entries()) {
    if (equalBytes(value, found)) return index
    value = extendPcr(bank, value, digests.get(bank)!)
  }
  return undefined
}
