/** A machine beside a prediction: PCR by PCR, and the first measurement that differs in each. */

import { equalBytes } from '../../bytes/equal.ts'
import { PolicyError } from '../../errors.ts'
import { replayEvents } from '../../formats/pcr-event.ts'
import type { PcrBank } from '../../formats/tpm2/pcr.ts'
import { type Comparison, compareValues, type Explanation } from './comparison.ts'
import { type Difference, findDifference, guessDifference } from './difference.ts'
import { eventsOf, isObserved, type Observation, observedValue, replayLogs } from './observation.ts'
import type { SavedEvent, SavedPrediction } from './saved-prediction.ts'

type State = SavedPrediction['states'][number]

/** Compares a machine with a prediction. */
export function comparePrediction(
  prediction: SavedPrediction,
  observation: Observation,
): Explanation {
  const banks = prediction.banks.filter((bank) => isObserved(observation, bank))
  const bank = banks.find((each) => each === 'sha256') ?? banks[0]
  if (bank === undefined) {
    const found = [...observation.dump.keys()].join(', ') || 'none of them'
    const what = 'banks'
    const expected = prediction.banks.join(', ')
    const comparison = { what, ok: false, expected, found } as const
    const phase = undefined
    return { ok: false, comparisons: [comparison], unknown: [], phase, differences: [] }
  }
  const compared = statesOf(prediction).map((state) =>
    compareState(prediction, state, bank, observation),
  )
  const best = compared.reduce((best, each) => (isCloser(each, best) ? each : best))
  if (best.comparisons.length === 0) {
    throw new PolicyError('NO_MATCH', `PCR ${best.unknown.join(', ')} of ${bank} is not known`, {
      hint: 'give the values with --dump, or the log of the firmware with --event-log',
    })
  }
  // What is known may be the same in several states.
  const isOnly = compared.filter(({ ok }) => ok).length === 1
  return best.ok && !isOnly ? { ...best, phase: undefined } : best
}

/** Every state, and the start of the kernel, which each prediction has in it. */
function statesOf({ states }: SavedPrediction): readonly State[] {
  const start = { phase: '', events: [] }
  return states.some(({ phase }) => phase === '') ? states : [start, ...states]
}

function compareState(
  prediction: SavedPrediction,
  { phase, events }: State,
  bank: PcrBank,
  observation: Observation,
): Explanation {
  const all = [...prediction.events, ...events]
  const pcrs = [...new Set([...all.map(({ pcr }) => pcr), 11, 12, 13])].sort((a, b) => a - b)
  const comparisons: Comparison[] = []
  const unknown: number[] = []
  const differences: Difference[] = []
  for (const pcr of pcrs) {
    const expected = all.filter((event) => event.pcr === pcr)
    const wanted = replayEvents(bank, pcr, expected)
    const found = observedValue(observation, bank, pcr)
    if (found === undefined) {
      unknown.push(pcr)
      continue
    }
    comparisons.push(compareValues(`PCR ${pcr} of ${bank}`, wanted, found))
    comparisons.push(...checkLogs(observation, bank, pcr, found))
    if (equalBytes(wanted, found)) continue
    differences.push(explainValue(observation, bank, pcr, expected, found))
  }
  return { ok: comparisons.every(({ ok }) => ok), comparisons, unknown, phase, differences }
}

function explainValue(
  observation: Observation,
  bank: PcrBank,
  pcr: number,
  expected: readonly SavedEvent[],
  found: Uint8Array,
): Difference {
  const logged = replayLogs(observation, bank, pcr)
  const difference =
    logged && equalBytes(logged, found)
      ? findDifference(pcr, expected, eventsOf(observation, pcr))
      : undefined
  return difference ?? guessDifference(bank, pcr, expected, found)
}

/** Only the logs of both together have to account for the values that the TPM has. */
function checkLogs(
  observation: Observation,
  bank: PcrBank,
  pcr: number,
  found: Uint8Array,
): readonly Comparison[] {
  const kinds = new Set(observation.logs.map(({ log }) => log.kind))
  const logged = replayLogs(observation, bank, pcr)
  if (kinds.size < 2 || logged === undefined || equalBytes(logged, found)) return []
  return [compareValues(`the logs account for PCR ${pcr} of ${bank}`, logged, found)]
}

/** Fewer PCRs that differ; then those that differ later. */
function isCloser(a: Explanation, b: Explanation): boolean {
  const count = ({ differences }: Explanation) => differences.length
  const reached = ({ differences }: Explanation) =>
    differences.reduce((sum, { position }) => sum + position, 0)
  return count(a) < count(b) || (count(a) === count(b) && reached(a) > reached(b))
}
