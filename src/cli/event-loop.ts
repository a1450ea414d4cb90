/** Work in many small steps that all are done at once would never let a signal be heard. */

import { setImmediate } from 'node:timers/promises'

/** Milliseconds that work may take before signals and answers of the outside get their turn. */
const PATIENCE = 20

/** To be awaited between two steps: turns the event loop now and then. */
export function turning(): () => Promise<void> {
  let last = performance.now()
  return async () => {
    if (performance.now() - last < PATIENCE) return
    await setImmediate()
    last = performance.now()
  }
}
