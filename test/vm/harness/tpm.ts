/** A software TPM 2.0, never used before. */

import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { output } from '../../support/run.ts'
import { tool } from '../../support/tools.ts'
import { type Process, start } from './process.ts'

/** Starts swtpm, and returns it with the socket that qemu connects to. */
export async function startTpm(
  folder: string,
  log: string,
): Promise<{ readonly process: Process; readonly socket: string }> {
  const state = join(folder, 'tpm')
  const socket = join(folder, 'tpm.sock')
  mkdirSync(state)
  // One bank, because firmware and stub hash all they load once for each.
  output(tool('swtpm_setup'), ['--tpm2', '--tpmstate', state, '--pcr-banks', 'sha256'])
  const where = ['--tpmstate', `dir=${state}`, '--ctrl', `type=unixio,path=${socket}`]
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
