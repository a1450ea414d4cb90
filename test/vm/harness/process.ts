/** Processes that never outlive the test: the kernel ends them with the process that started them. */

import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { tool } from '../../support/tools.ts'

export interface Process {
  /** Exit status or signal, once it has ended. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** Ends it, unless it has, and waits for that. */
  stop(): Promise<void>
}

/** Starts a command; what it says is appended to the file `log`. */
export function start(command: string, args: readonly string[], log: string): Process {
  const output = openSync(log, 'a')
  const tied = ['--pdeathsig', 'KILL', tool(command), ...args]
  const child = spawn(tool('setpriv'), tied, { stdio: ['ignore', output, output] })
  closeSync(output)
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? signal!))
  })
  const stop = async () => {
    child.kill('SIGKILL')
    await ended
  }
  return { ended, stop }
}
