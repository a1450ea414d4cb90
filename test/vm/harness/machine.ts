/** A run of a machine, from power on to its end or to the moment when nothing more will come. */

import { statSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { type Logs, readIfThere } from './logs.ts'
import { type Process, start } from './process.ts'
import { type Machine, qemuArguments } from './qemu.ts'
import { startTpm } from './tpm.ts'

/** Far more than an emulated boot takes, also on a busy machine. */
const BOOT_SECONDS = 240
/** For what happens between the ends of two steps, besides the second one. */
const PAUSE_SECONDS = 60

export interface End {
  /** Why nothing more came. */
  readonly reason: string
  /** From power on. */
  readonly seconds: number
}

/** Runs a machine to its end, which comes in any case. */
export async function runMachine(
  machine: Omit<Machine, 'tpm'>,
  stepSeconds: number,
  folder: string,
  logs: Logs,
  tpmState?: string,
): Promise<End> {
  const tpm = await startTpm(folder, logs.machine, tpmState)
  try {
    const started = performance.now()
    const args = qemuArguments({ ...machine, tpm: tpm.socket })
    const qemu = start('qemu-system-x86_64', args, logs.machine)
    try {
      const reason = await waitForEnd(qemu, machine, stepSeconds)
      return { reason, seconds: (performance.now() - started) / 1000 }
    } finally {
      await qemu.stop()
    }
  } finally {
    await tpm.process.stop()
  }
}

async function waitForEnd(
  qemu: Process,
  { console, results }: Omit<Machine, 'tpm'>,
  stepSeconds: number,
): Promise<string> {
  let received = 0
  let since = performance.now()
  while (true) {
    const status = await Promise.race([qemu.ended, setTimeout(200)])
    if (status === 0) return 'the guest ended'
    if (status !== undefined) return `qemu ended with ${status}`
    const size = statSync(results, { throwIfNoEntry: false })?.size ?? 0
    if (size > received) {
      received = size
      since = performance.now()
    }
    // The firmware stays there for ever.
    if (received === 0 && /Access Denied|No bootable option/.test(readIfThere(console))) {
      return 'the firmware refused to boot the UKI'
    }
    const limit = received === 0 ? BOOT_SECONDS : stepSeconds + PAUSE_SECONDS
    if (performance.now() - since > limit * 1000) return `nothing came for ${limit} seconds`
  }
}
