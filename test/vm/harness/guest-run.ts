/** What came back from a guest. */

import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../support/run.ts'
import { tool } from '../../support/tools.ts'
import { stepFolder } from './disks.ts'
import { guestError, type Logs, whereToLook } from './logs.ts'
import type { End } from './machine.ts'
import type { BootOptions } from './options.ts'

export interface StepResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface GuestRun {
  /** What came of a step. Throws, naming the logs, where the guest did not get to its end. */
  step(name: string): StepResult
  /** Folder with what a step wrote to its working directory. */
  files(name: string): string
  /** Path of the console log. */
  readonly console: string
  /** Path of the guest's journal as text, with the messages of its kernel. */
  readonly journal: string
  /** From power on to the end. */
  readonly seconds: number
  /** Names the logs. */
  readonly where: string
}

/**
 * Unpacks what the guest sent into the logs. Throws where it did not get to the end of the first
 * step.
 */
export function readGuestRun(
  { guest, steps }: BootOptions,
  received: string,
  { reason, seconds }: End,
  logs: Logs,
): GuestRun {
  unpack(received, logs)
  const find = (name: string): string => {
    const index = steps.findIndex((step) => step.name === name)
    if (index < 0) throw new RangeError(`no step is called ${name}`)
    const folder = join(logs.results, stepFolder(index))
    if (existsSync(join(folder, 'status'))) return folder
    throw guestError(`${guest}: no result of step ${name}: ${reason}`, logs)
  }
  if (steps[0]) find(steps[0].name)
  return {
    step(name) {
      const folder = find(name)
      const read = (file: string) => readFileSync(join(folder, file), 'utf8')
      return { status: Number(read('status')), stdout: read('stdout'), stderr: read('stderr') }
    },
    files: (name) => join(find(name), 'files'),
    ...{ console: logs.console, journal: logs.journal, seconds, where: whereToLook(logs) },
  }
}

function unpack(received: string, { results, journal }: Logs): void {
  const options = ['--extract', '--ignore-zeros', '--no-same-owner', `--directory=${results}`]
  // Fails at the archive that a dying guest did not finish; those before it are good.
  run(tool('tar'), [...options, `--file=${received}`])
  const whole = join(results, 'journal')
  if (existsSync(whole)) renameSync(whole, journal)
}
