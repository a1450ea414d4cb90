/**
 * Carrying out a rotation. Nothing is written down about how far it got: what is done shows in the
 * files, so a run that ended early is continued by running again.
 */

import { ExtsignError } from '../errors.ts'
import { describeError, type RotationPlan, type Step } from './plan.ts'

export interface StepResult extends Step {
  /**
   * `waiting`: an old key that is not dropped, because something else may still need it.
   * `interrupted`: the run was ended before this was done, and the file is as it was.
   */
  readonly outcome: 'done' | 'failed' | 'waiting' | 'interrupted'
  readonly error: string | undefined
}

export interface RunOptions {
  readonly onResult?: ((result: StepResult) => void) | undefined
  /** Ends the run between two steps, or in one that has not written anything yet. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Every step is tried; old keys are dropped only when everything before succeeded.
 *
 * @returns what became of every step of the plan, in order
 */
export async function runRotation(
  { carriers, steps }: RotationPlan,
  { onResult, signal }: RunOptions = {},
): Promise<readonly StepResult[]> {
  await tidy(carriers, steps)
  const results: StepResult[] = []
  let isSafe = carriers.every(({ state }) => state !== undefined && state !== 'neither')
  for (const step of steps) {
    const result = signal?.aborted
      ? leave(step, 'interrupted')
      : step.action === 'drop' && !isSafe
        ? leave(step, 'waiting')
        : await take(step, signal)
    if (result.outcome === 'failed') isSafe = false
    results.push(result)
    onResult?.(result)
  }
  return results
}

function leave(step: Step, outcome: 'waiting' | 'interrupted'): StepResult {
  return { ...step, outcome, error: undefined }
}

/** Carriers that have a step look after it themselves. */
async function tidy(
  carriers: RotationPlan['carriers'],
  steps: RotationPlan['steps'],
): Promise<void> {
  const moving = new Set(steps.map(({ carrier }) => carrier))
  for (const { carrier, state } of carriers) {
    if (state === undefined || moving.has(carrier)) continue
    await carrier.tidy().catch((error) => {
      // What is left does no harm: it is not worth a failure.
      if (!(error instanceof ExtsignError)) throw error
    })
  }
}

async function take(step: Step, signal: AbortSignal | undefined): Promise<StepResult> {
  try {
    await step.carrier.move(step.action === 'add' ? 'both' : 'new', signal)
    return { ...step, outcome: 'done', error: undefined }
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return leave(step, 'interrupted')
    if (!(error instanceof ExtsignError)) throw error
    return { ...step, outcome: 'failed', error: describeError(error) }
  }
}
