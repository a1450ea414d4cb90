/** Failures that say where to look. */

import { beforeEach } from 'vitest'
import type { GuestRun } from './harness/index.ts'

/** Adds to every failure of a test in this block the paths of the guest's logs. */
export function sayWhere(runs: () => GuestRun | undefined): void {
  beforeEach(({ onTestFailed }) => {
    onTestFailed(({ task }) => {
      const where = runs()?.where
      for (const error of task.result?.errors ?? []) {
        if (where && !error.message.includes(where)) error.message += `\n${where}`
      }
    })
  })
}
