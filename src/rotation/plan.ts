/** A rotation as a list of steps, each one change of one file. */

import { ExtsignError } from '../errors.ts'
import type { Carrier, CarrierKind, KeyState } from './carrier.ts'

export interface RotationOptions {
  /** In the order in which they are moved. */
  readonly carriers: readonly Carrier[]
  /** Leave the old key beside the new one where both can be. */
  readonly keepOld: boolean
}

/** A carrier and what a run would do with it. */
export interface PlannedCarrier {
  readonly carrier: Carrier
  readonly kind: CarrierKind
  readonly path: string
  /** Undefined where it could not be told: `error` says what failed, `note` what was not asked. */
  readonly state: KeyState | undefined
  readonly note: string | undefined
  readonly remains: string | undefined
  readonly left: string | undefined
  readonly error: string | undefined
}

/** One change. */
export interface Step {
  readonly carrier: Carrier
  readonly kind: CarrierKind
  readonly path: string
  readonly action: 'add' | 'replace' | 'drop'
  /** What stays as it was all the same. */
  readonly left: string | undefined
}

export interface RotationPlan {
  readonly carriers: readonly PlannedCarrier[]
  /** Additions first, then what can hold one key only, then the old keys are dropped. */
  readonly steps: readonly Step[]
}

/** Looks at everything and changes nothing. */
export async function planRotation({ carriers, keepOld }: RotationOptions): Promise<RotationPlan> {
  const planned: PlannedCarrier[] = []
  for (const carrier of carriers) planned.push(await examine(carrier))
  const inState = (...states: readonly KeyState[]) =>
    planned.filter(({ state }) => state !== undefined && states.includes(state))
  const step = (action: Step['action']) => {
    return ({ carrier, kind, path, left }: PlannedCarrier): Step => ({
      carrier,
      kind,
      path,
      action,
      left,
    })
  }
  const holding = ({ carrier }: PlannedCarrier) => carrier.holdsBoth
  return {
    carriers: planned,
    steps: [
      ...inState('old').filter(holding).map(step('add')),
      ...inState('old', 'both')
        .filter((each) => !holding(each))
        .map(step('replace')),
      ...(keepOld ? [] : inState('old', 'both').filter(holding).map(step('drop'))),
    ],
  }
}

async function examine(carrier: Carrier): Promise<PlannedCarrier> {
  const { kind, path } = carrier
  const common = { carrier, kind, path }
  try {
    const { state, note, remains, left } = await carrier.examine()
    return { ...common, state, note, remains, left, error: undefined }
  } catch (error) {
    if (!(error instanceof ExtsignError)) throw error
    const unknown = { state: undefined, note: undefined, remains: undefined, left: undefined }
    return { ...common, ...unknown, error: describeError(error) }
  }
}

/** What is wrong, and what to do about it where that is known. */
export function describeError({ message, hint }: ExtsignError): string {
  return hint === undefined ? message : `${message} (${hint})`
}
