/** Faults of entries, told once for all entries that have the same. */

import type { Problem } from '../../images/checks/finding.ts'

/** What is wrong with one entry. */
export interface Fault {
  readonly expected: string
  readonly found: string
  /** `profile 0: sha256 3`. */
  readonly place: string
}

/** Places that are named; of more there is a count. */
const MAX_NAMED = 4

/** One problem for each kind of fault, with the places where it is. */
export function toProblems(faults: readonly Fault[]): Problem[] {
  const kinds = new Map<string, Fault[]>()
  for (const fault of faults) {
    const kind = `${fault.expected}\0${fault.found}`
    const same = kinds.get(kind) ?? []
    kinds.set(kind, same)
    same.push(fault)
  }
  return [...kinds.values()].map((same) => {
    const { expected, found } = same[0]!
    const places = same.slice(0, MAX_NAMED).map(({ place }) => place)
    const more = same.length > MAX_NAMED ? ` and ${same.length - MAX_NAMED} more` : ''
    return { expected, found: `${found} (${places.join(', ')}${more})` }
  })
}
