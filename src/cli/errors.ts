/** How failures look to the person at the terminal, and which exit code they give. */

import { ExtsignError, FormatError } from '../errors.ts'
import type { Output } from './context.ts'
import { printable } from './terminal.ts'

export const ExitCode = { done: 0, failed: 1, misused: 2, wanting: 3, interrupted: 130 } as const

/** The command line itself is wrong. */
export class UsageError extends ExtsignError<'USAGE'> {
  constructor(message: string, options: { readonly hint?: string | undefined } = {}) {
    super('USAGE', message, options)
  }
}

/** Several mistakes of one command line: all are reported, not only the first. */
export class UsageErrors extends AggregateError {
  declare readonly errors: UsageError[]
}

/** Prints `error` on `stderr` and returns the exit code that goes with it. */
export function reportError(error: unknown, stderr: Output): number {
  if (error instanceof UsageErrors) {
    for (const each of error.errors) printError(each, stderr)
    return ExitCode.misused
  }
  if (error instanceof ExtsignError) {
    printError(error, stderr)
    return error instanceof UsageError ? ExitCode.misused : ExitCode.failed
  }
  if (isAbort(error)) {
    stderr.write('extsign: interrupted, nothing was written\n')
    return ExitCode.interrupted
  }
  if (isSystemError(error)) {
    stderr.write(`extsign: error: ${printable(describeSystemError(error))}\n`)
    return ExitCode.failed
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  stderr.write(`extsign: this is a bug in extsign, please report it:\n${printable(stack, '\n')}\n`)
  return ExitCode.failed
}

/** A decoder knows what is wrong in which format, and not the name of the file: here it is added. */
export function inFile(path: string, error: unknown): unknown {
  if (!(error instanceof FormatError)) return error
  const { code, message, hint } = error
  return new ExtsignError(code, `${path}: ${message}`, { hint, cause: error })
}

/** {@link inFile} for `catch`. */
export function blame(path: string): (error: unknown) => never {
  return (error) => {
    throw inFile(path, error)
  }
}

export function printWarnings(warnings: readonly string[], stderr: Output): void {
  for (const warning of warnings) stderr.write(`extsign: warning: ${printable(warning)}\n`)
}

function printError(error: ExtsignError, stderr: Output): void {
  stderr.write(`extsign: error: ${printable(error.message)}\n`)
  if (error.hint !== undefined) stderr.write(`extsign: hint: ${printable(error.hint)}\n`)
}

/** Whether the user ended it. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

interface SystemError extends Error {
  readonly code: string
  readonly syscall: string
  readonly path?: string
}

/** What the operating system refused is not our bug: a full disk, a missing permission. */
function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error &&
    'syscall' in error &&
    'code' in error &&
    /^E[A-Z0-9]+$/.test(`${error.code}`)
  )
}

/** `ENOENT: no such file or directory, open 'x'` becomes `x: no such file or directory (open)`. */
function describeSystemError(error: SystemError): string {
  const reason = /^E[A-Z0-9]+: (.*?), /.exec(error.message)?.[1] ?? error.message
  return `${error.path === undefined ? '' : `${error.path}: `}${reason} (${error.syscall})`
}
