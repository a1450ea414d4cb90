/** Checks of what is signed against what a boot measures. */

import { PCR_BANKS } from '../../formats/tpm2/pcr.ts'
import type { Check, Problem } from '../../images/checks/finding.ts'
import { describeBoot } from '../describe.ts'
import { measurePhases, type UkiMeasurement } from '../measure.ts'
import { DEFAULT_PHASES, findImpossibility, impossiblePhases } from '../phases.ts'
import { type Fault, toProblems } from './faults.ts'
import {
  type BootState,
  type FoundDocument,
  type FoundEntry,
  indexStates,
  type PolicySubject,
  stateKey,
} from './subject.ts'

/** Boots for which it is worth finding out in which order no phase comes. */
const MAX_EXPLAINED = 64

/** Missing states that are named; of more there is a count. */
const MAX_NAMED = 4

/** Each entry approves of a state that a boot of this image gets to, where the boot sees the entry. */
export const states: Check<PolicySubject> = {
  name: 'states',
  async run(subject) {
    const { uki, measurements, documents } = subject
    if (!uki || documents.every(({ entries }) => entries.length === 0)) return undefined
    const known = indexStates(measurements)
    let impossible: ReadonlyMap<string, readonly BootState[]> | undefined
    const explain = (key: string) => {
      impossible ??= indexStates(measurements.slice(0, MAX_EXPLAINED).map(withImpossiblePhases))
      return impossible.get(key)?.[0]
    }
    const faults = documents.flatMap((document) =>
      document.entries.flatMap((entry): Fault[] => {
        const key = stateKey(entry.bank, entry.policy)
        const found = known.get(key) ?? []
        const never = found.length > 0 ? findNever(found) : explain(key)
        if (never) return [neverReached(entry, never)]
        if (found.length === 0) return [foreign(entry)]
        if (found.some(({ measurement }) => document.profiles.includes(measurement.profile)))
          return []
        const boot = describeBoot(uki, found[0]!.measurement)
        const expected = 'a state of the profile it is in'
        return [{ expected, found: `one of ${boot}, which does not see it`, place: entry.place }]
      }),
    )
    return { problems: toProblems(faults) }
  },
}

function withImpossiblePhases(measurement: UkiMeasurement): UkiMeasurement {
  const [first] = measurement.phases
  const banks = first ? [...first.values.keys()] : []
  const phases = measurePhases(measurement.events, { banks, phases: impossiblePhases() })
  return { ...measurement, phases }
}

/** A phase that was asked for by its name may be impossible too. */
function findNever(states: readonly BootState[]): BootState | undefined {
  return states.every(({ phase }) => findImpossibility(phase) !== undefined) ? states[0] : undefined
}

function neverReached({ place }: FoundEntry, { phase }: BootState): Fault {
  const reason = findImpossibility(phase)
  const expected = 'a phase that a boot gets to'
  return { expected, found: `${phase}, and ${reason}`, place }
}

function foreign({ place }: FoundEntry): Fault {
  const expected = 'a state of PCR 11 that this image gets to'
  return { expected, found: 'one of none of its phases', place }
}

/** What is signed for one boot, bank and phase is signed for all of them. */
export const coverage: Check<PolicySubject> = {
  name: 'coverage',
  async run({ uki, measurements, documents }) {
    if (!uki || documents.every(({ entries }) => entries.length === 0)) return undefined
    const signed = signedStates(documents, measurements)
    const seen = [...signed.values()].flat()
    const signedPhases = [...new Set(seen.map(({ phase }) => phase))]
    const phases = signedPhases.length > 0 ? signedPhases : DEFAULT_PHASES
    const banks = PCR_BANKS.filter((bank) => seen.some((state) => state.bank === bank))
    const problems: Problem[] = []
    const open: string[] = []
    for (const measurement of measurements) {
      const covered = new Set(signed.get(measurement)?.map(({ bank, phase }) => `${bank} ${phase}`))
      const missing = banks
        .flatMap((bank) => phases.map((phase) => `${bank} ${phase}`))
        .filter((state) => !covered.has(state))
      if (missing.length === 0) continue
      const boot = describeBoot(uki, measurement)
      const isNone = measurement.choices.some(({ section }) => !section)
      if (covered.size === 0 && isNone) open.push(boot)
      else problems.push({ expected: `policies for ${boot}`, found: describeMissing(missing) })
    }
    if (banks.length > 0 && !banks.includes('sha256')) {
      problems.push({ expected: 'policies for sha256, which every TPM 2.0 has', found: 'none' })
    }
    const all = `${phases.length} phases in ${banks.join(', ')}`
    return { problems, note: open.length > 0 ? `${all}; none for ${open.join('; ')}` : all }
  },
}

/** `none`, or which of them. */
function describeMissing(missing: readonly string[]): string {
  const named = missing.slice(0, MAX_NAMED).join(', ')
  const more = missing.length > MAX_NAMED ? ` and ${missing.length - MAX_NAMED} more` : ''
  return `none for ${named}${more}`
}

/** The states that are signed where their boot sees it, by boot. */
function signedStates(
  documents: readonly FoundDocument[],
  measurements: readonly UkiMeasurement[],
): ReadonlyMap<UkiMeasurement, readonly BootState[]> {
  const known = indexStates(measurements)
  const signed = new Map<UkiMeasurement, BootState[]>()
  for (const { entries, profiles } of documents) {
    const seenBy = new Set(profiles)
    const keys = new Set(entries.map(({ bank, policy }) => stateKey(bank, policy)))
    for (const state of [...keys].flatMap((key) => known.get(key) ?? [])) {
      if (!seenBy.has(state.measurement.profile)) continue
      signed.set(state.measurement, [...(signed.get(state.measurement) ?? []), state])
    }
  }
  return signed
}
