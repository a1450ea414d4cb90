/** A software TPM 2.0 for a guest. */

import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { output } from '../../support/run.ts'
import { tool } from '../../support/tools.ts'
import { type Process, start } from './process.ts'

/** Makes a TPM that nobody has used: a new folder with the state of swtpm. */
export function makeTpm(state: string): void {
  mkdirSync(state)
  // One bank, because firmware and stub hash all they load once for each.
  output(tool('swtpm_setup'), ['--tpm2', '--tpmstate', state, '--pcr-banks', 'sha256'])
}

/**
 * Starts swtpm, and returns it with the socket that qemu connects to.
 *
 * @param state Made by {@link makeTpm}; a TPM of its own in `folder` where absent.
 */
export async function startTpm(
  folder: string,
  log: string,
  state?: string,
): Promise<{ readonly process: Process; readonly socket: string }> {
  const socket = join(folder, 'tpm.sock')
  const own = join(folder, 'tpm')
  if (state === undefined) makeTpm(own)
  const where = ['--tpmstate', `dir=${state ?? own}`, '--ctrl', `type=unixio,path=${socket}`]
  const process = start('swtpm', ['socket', '--tpm2', ...where, '--terminate'], log)
  for (let tries = 0; !existsSync(socket); tries += 1) {
    if (tries === 100) {
      await process.stop()
      throw new Error(`swtpm made no socket within 10 seconds: see ${log}`)
    }
    await setTimeout(100)
  }
  return { process, socket }
}
