/** What the tables of a plan would have us run, load or speak to. */

import type { UsageError } from '../errors.ts'
import { notAllowed, outletOfKey, outletOfTpm } from '../outlets.ts'
import type { PlanFile } from './read-plan.ts'

/** One refusal for each outlet that a run needs allowed. */
export function findOutlets({ images, policies, credentials }: PlanFile): readonly UsageError[] {
  const keys = [...images, ...policies].map(({ place, values }) => ({
    place,
    outlets: [outletOfKey(values)],
  }))
  const tpms = credentials.map(({ place, values }) => ({
    place,
    outlets: [outletOfTpm(values.oldTpmDevice), outletOfTpm(values.tpmDevice)],
  }))
  return [...keys, ...tpms].flatMap(({ place, outlets }) =>
    [...new Set(outlets)].flatMap((outlet) => (outlet ? [notAllowed(place, outlet)] : [])),
  )
}
