/** What `resign` and `attach` did to each image. */

import { ExtsignError } from '../errors.ts'
import type { ReplaceResult } from '../images/sealing/replace-signature.ts'
import type { Context } from './context.ts'
import { ExitCode, inFile, isAbort, reportError } from './errors.ts'
import { formatJson } from './json.ts'
import { paint, printable } from './terminal.ts'

/** A file that is as it was, and why. */
export interface NotReplaced {
  readonly image: string
  readonly error: { readonly code: string; readonly message: string }
}

export interface FileRuns<Item, Result> {
  /** The path of the file, for reports. */
  readonly pathOf: (item: Item) => string
  readonly run: (item: Item) => Promise<Result>
  /** Called in the order of the files. */
  readonly onResult: (result: Result) => void
  /** How many files are in work together. Default 1. */
  readonly atOnce?: number
}

/** What became of the files, in their order. */
export interface FileReports<Result> {
  readonly reports: readonly (Result | NotReplaced)[]
  /** Whether the user ended it. */
  readonly isInterrupted: boolean
  /** What ended it that is no fault of a file. */
  readonly failure: { readonly error: unknown } | undefined
}

const INTERRUPTED = { code: 'INTERRUPTED', message: 'interrupted before it was changed' } as const

/**
 * What is wrong with one file does not keep the others. After an interruption no file is begun, and
 * those that are in work are ended where nothing is written yet.
 */
export async function forEachFile<Item, Result>(
  items: readonly Item[],
  { pathOf, run, onResult, atOnce = 1 }: FileRuns<Item, Result>,
  context: Context,
): Promise<FileReports<Result>> {
  const signal = context.interrupts()
  const reports: (Result | NotReplaced)[] = []
  let isInterrupted = false
  let failure: FileReports<Result>['failure']
  const leave = (image: string, error: NotReplaced['error']) => reports.push({ image, error })
  const inWork: Promise<() => void>[] = []
  const start = (item: Item) =>
    run(item).then(
      (result) => () => {
        reports.push(result)
        onResult(result)
      },
      (error: unknown) => () => {
        const image = pathOf(item)
        if (isAbort(error)) {
          isInterrupted = true
          leave(image, INTERRUPTED)
        } else if (error instanceof ExtsignError) {
          reportError(inFile(image, error), context.stderr)
          leave(image, { code: error.code, message: error.message })
        } else failure ??= { error }
      },
    )
  const report = async () => (await inWork.shift())?.()
  for (const item of items) {
    if (failure) break
    if (signal.aborted) {
      while (inWork.length > 0) await report()
      isInterrupted = true
      leave(pathOf(item), INTERRUPTED)
      continue
    }
    inWork.push(start(item))
    if (inWork.length >= atOnce) await report()
  }
  while (inWork.length > 0) await report()
  return { reports, isInterrupted, failure }
}

/** Prints what is left to say, and gives the exit code. Throws what was no fault of a file. */
export function concludeFiles<Result extends object>(
  { reports, isInterrupted, failure }: FileReports<Result>,
  json: boolean,
  { stdout, stderr }: Context,
): number {
  if (json) stdout.write(formatJson(reports))
  if (failure) throw failure.error
  if (!isInterrupted) return exitCodeOf(reports)
  const done = reports.filter((report) => !('error' in report)).length
  const rest = `${done} of ${reports.length} done, the others are as they were`
  stderr.write(`extsign: interrupted; ${rest}; the same command does the rest\n`)
  return ExitCode.interrupted
}

/** An image that is not in order is worse than one that could not be written. */
function exitCodeOf(reports: readonly object[]): number {
  const codes = reports.flatMap((report) => ('error' in report ? [codeOf(report.error)] : []))
  if (codes.length === 0) return ExitCode.done
  return codes.every((code) => code === 'NOT_VERIFIED') ? ExitCode.wanting : ExitCode.failed
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

export function formatSealing(result: ReplaceResult, dryRun: boolean, context: Context): string {
  const { image, action, before, place, bytesWritten, sidecars, rootHash } = result
  const name = paint(context, context.stdout, 'bold', printable(image))
  const done = {
    replaced: dryRun ? 'signature would be replaced' : 'signature replaced',
    added: dryRun ? 'signature would be added' : 'signature added',
    unchanged: 'signed with this certificate already',
  }[action]
  const grown = place.kind === 'growth' && action !== 'unchanged' ? ', the file grows for it' : ''
  const written = dryRun || action === 'unchanged' ? '' : `, ${bytesWritten} bytes written`
  const lines = [`${name}: ${done}${grown}${written}`, `  root hash  ${rootHash}`]
  if (before.length > 0) lines.push(`  before     ${printable(before.join(', '))}`)
  if (sidecars.length > 0) lines.push(`  beside it  ${printable(sidecars.join(', '))}`)
  return lines.map((line) => `${line}\n`).join('')
}
