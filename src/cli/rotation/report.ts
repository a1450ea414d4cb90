/** What `extsign rotate` says: of each file, and in the end. */

import type { PlannedCarrier, RotationPlan, Step } from '../../rotation/plan.ts'
import type { StepResult } from '../../rotation/run.ts'
import type { Context } from '../context.ts'
import { paint, printable } from '../terminal.ts'

const WIDTH = 'credential'.length

const ACTIONS: Readonly<Record<Step['kind'], Partial<Record<Step['action'], string>>>> = {
  trust: { add: 'add the new certificate', drop: 'remove the old certificate' },
  policies: {
    add: 'sign with the new key too',
    replace: 'sign with the new key instead',
    drop: 'remove the signatures of the old key',
  },
  image: { replace: 'sign with the new key' },
  credential: { replace: 'seal with the new keys' },
}

const OUTCOMES = { done: 'done', failed: 'FAIL', waiting: 'wait', interrupted: 'left' } as const
const STATES = {
  old: 'old key',
  both: 'both keys',
  new: 'new key',
  neither: 'neither key',
} as const

/** A step of the plan, in the words in which the run repeats it. */
export function formatStep(step: Step): string {
  return `${describeStep(step)}\n`
}

/** The same step, and what came of it. */
export function formatResult(result: StepResult, context: Context): string {
  const colour =
    result.outcome === 'done' ? 'green' : result.outcome === 'failed' ? 'red' : 'yellow'
  const mark = paint(context, context.stdout, colour, OUTCOMES[result.outcome])
  const error = result.error === undefined ? '' : `: ${printable(result.error)}`
  const reason =
    result.outcome === 'waiting' ? ': not before everything else carries the new key' : ''
  return `${mark}  ${describeStep(result)}${error}${reason}\n`
}

function describeStep({ kind, path, action, left }: Step): string {
  const rest = left === undefined ? '' : `; ${left}`
  return `${kind.padEnd(WIDTH)}  ${printable(path)}: ${ACTIONS[kind][action] ?? action}${rest}`
}

/** What a file carries. */
export function formatCarrier({ kind, path, state, note, remains, error }: PlannedCarrier): string {
  const what = state === undefined ? 'cannot be told' : STATES[state]
  const remarks = [error, note, remains].flatMap((text) => (text ? [printable(text)] : []))
  return `${[`${kind.padEnd(WIDTH)}  ${printable(path)}: ${what}`, ...remarks].join('; ')}\n`
}

/** What keeps a rotation from being possible or complete. */
export function findTroubles({ carriers }: RotationPlan): readonly PlannedCarrier[] {
  return carriers.filter(({ state }) => state === undefined || state === 'neither')
}

/** Whether something of the old key is in it. */
export function carriesOld({ state, remains }: PlannedCarrier): boolean {
  return state === 'old' || state === 'both' || remains !== undefined
}

/** The plain values of it all. */
export function toReport(
  plan: RotationPlan,
  results: readonly StepResult[] | undefined,
): Readonly<Record<string, unknown>> {
  return {
    carriers: plan.carriers.map(({ carrier: _, ...rest }) => rest),
    steps: (results ?? plan.steps).map(({ carrier: _, ...rest }) => rest),
  }
}
