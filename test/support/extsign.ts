/** The built command, run as its users run it. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { output, type RunOptions, type RunResult, run } from './run.ts'

/** The bundle that `npm run build` makes. */
export const EXTSIGN = join(import.meta.dirname, '../../dist/bin/extsign.js')

/** An environment that has nothing in it: no PATH, no home, no language. */
const EMPTY = { PATH: '' }

/** Runs `extsign` and returns how it ended. */
export function runExtsign(args: readonly string[], options: RunOptions = {}): RunResult {
  return run(process.execPath, [command(), ...args], { ...options, env: options.env ?? EMPTY })
}

/** Runs `extsign`, which has to succeed, and returns its standard output. */
export function extsign(args: readonly string[], options: RunOptions = {}): string {
  return output(process.execPath, [command(), ...args], { ...options, env: options.env ?? EMPTY })
}

function command(): string {
  if (!existsSync(EXTSIGN)) throw new Error(`${EXTSIGN} is missing: run npm run build`)
  return EXTSIGN
}
