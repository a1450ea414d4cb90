/** Foreign programs and our own, run to their end. */

import { spawnSync } from 'node:child_process'

export interface RunOptions {
  readonly cwd?: string
  /** The whole environment; the test's own when absent. */
  readonly env?: Readonly<Record<string, string>>
  readonly uid?: number
  readonly gid?: number
  readonly input?: Uint8Array | string
}

export interface RunResult {
  readonly status: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command and returns how it ended, whatever that was. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): RunResult {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    ...options,
    env: options.env ?? { ...process.env, LC_ALL: 'C.UTF-8' },
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  if (error) throw error
  return { status, signal, stdout, stderr }
}

/** Runs a command that has to succeed, and returns its standard output. */
export function output(command: string, args: readonly string[], options?: RunOptions): string {
  const { status, signal, stdout, stderr } = run(command, args, options)
  if (status !== 0) {
    const said = `${stdout}${stderr}`.trimEnd()
    throw new Error(`${command} ${args.join(' ')}: ended with ${status ?? signal}\n${said}`)
  }
  return stdout
}
