/** A virtual machine from nothing to its results. */

import { join } from 'node:path'
import { guestFolder } from '../../../scripts/provision/guests.mjs'
import type { TreeName } from '../../../scripts/provision/trees.mjs'
import { makeEsp, makePayload, makeSteps } from './disks.ts'
import { enrolKeys } from './firmware.ts'
import { withFolder } from './folder.ts'
import { type GuestRun, readGuestRun } from './guest-run.ts'
import { openLogs } from './logs.ts'
import { runMachine } from './machine.ts'
import { type BootOptions, GUESTS, stepTimeout } from './options.ts'
import { makeBootFiles } from './uki.ts'

/**
 * Boots a guest, runs the steps in it one after the other, and ends it.
 *
 * Rejects, naming the logs, where the guest did not get to the end of the first step.
 */
export function bootGuest(options: BootOptions): Promise<GuestRun> {
  const { guest, name, payload, steps, esp, tpm, environment = 'host' } = options
  const logs = openLogs(`${name}-${guest}`)
  return withFolder(async (folder) => {
    const machine = {
      ...(environment === 'host' && { root: join(guestFolder(guest), 'root.ext4') }),
      variables: options.variables ?? enrolKeys(options, folder),
      esp: makeEsp({ ...esp, ...makeBootFiles(options, folder) }, folder),
      payload: makePayload(payload, folder),
      steps: makeSteps(steps, folder),
      console: logs.console,
      journal: logs.journal,
      results: join(folder, 'results.tar'),
    }
    const longest = Math.max(0, ...steps.map(stepTimeout))
    const end = await runMachine(machine, longest, folder, logs, tpm)
    return readGuestRun(options, machine.results, end, logs)
  })
}

/** Where to ask for the run of a guest. */
export type GuestRuns = (guest: TreeName) => Promise<GuestRun>

/**
 * Boots all guests, one after the other, because another file of tests boots its own meanwhile. What
 * becomes of one keeps no other from its turn.
 */
export function bootGuests(
  optionsFor: (guest: TreeName) => BootOptions | Promise<BootOptions>,
): GuestRuns {
  let previous: Promise<unknown> = Promise.resolve()
  const runs = new Map<TreeName, Promise<GuestRun>>()
  for (const [, guest] of GUESTS) {
    const run = previous.then(() => optionsFor(guest)).then(bootGuest)
    // Whoever asks is told.
    previous = run.catch(() => {})
    runs.set(guest, run)
  }
  return (guest) => runs.get(guest)!
}
