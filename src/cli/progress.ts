/** One line of progress on standard error, only where a person is watching. */

import type { Progress } from '../images/options.ts'
import type { Context } from './context.ts'

const INTERVAL = 80 // milliseconds between two drawings

/** {@link Progress}, or that of unpacking, which counts entries. */
type AnyProgress = Omit<Progress, 'step'> & { readonly step: Progress['step'] | 'unpack' }

export interface ProgressLine {
  readonly update: (progress: AnyProgress) => void
  /** Removes the line, so that what is printed next starts on a clean one. */
  readonly clear: () => void
}

/** A line on `context.stderr`, or one that does nothing when that is not a live terminal. */
export function progressLine(context: Context, quiet = false): ProgressLine {
  const { stderr, environment, now } = context
  if (quiet || !stderr.isTerminal || environment.CI || environment.TERM === 'dumb') {
    return { update: () => undefined, clear: () => undefined }
  }
  let drawn = 0
  let step = ''
  return {
    update(progress) {
      const time = now().getTime()
      if (progress.step === step && time - drawn < INTERVAL) return
      drawn = time
      step = progress.step
      const { done, total } = progress
      const share = done > 0 && total > 0 ? ` ${Math.floor((done / total) * 100)} %` : ''
      stderr.write(`\r\x1b[K${`${LABELS[progress.step]}${share}`.slice(0, stderr.columns - 1)}`)
    },
    clear() {
      if (drawn > 0) stderr.write('\r\x1b[K')
    },
  }
}

const LABELS: Readonly<Record<AnyProgress['step'], string>> = {
  scan: 'scanning the tree',
  read: 'packing files',
  metadata: 'writing metadata',
  hash: 'hashing blocks',
  sign: 'signing',
  sync: 'writing to disk',
  unpack: 'unpacking',
}
