/** What `resign` and `attach` did to each image. */

import { ExtsignError } from '../errors.ts'
import type { ReplaceResult } from '../images/sealing/replace-signature.ts'
import type { Context } from './context.ts'
import { ExitCode, inFile, reportError } from './errors.ts'
import { paint, printable } from './terminal.ts'

/** An image that is as it was, and why. */
export interface NotReplaced {
  readonly image: string
  readonly error: { readonly code: string; readonly message: string }
}

export type SealingReport = ReplaceResult | NotReplaced

export interface ImageRuns {
  readonly run: (image: string) => Promise<ReplaceResult>
  /** Called in the order of the images. */
  readonly onResult: (result: ReplaceResult) => void
  /** How many images are in work together. Default 1. */
  readonly atOnce?: number
}

/** What is wrong with one image does not keep the others. Reports are in the order of the images. */
export async function forEachImage(
  images: readonly string[],
  { run, onResult, atOnce = 1 }: ImageRuns,
  context: Context,
): Promise<SealingReport[]> {
  const interrupted = context.interrupts()
  const reports: SealingReport[] = []
  const inWork: Promise<() => void>[] = []
  const start = (image: string) =>
    run(image).then(
      (result) => () => {
        reports.push(result)
        onResult(result)
      },
      (error: unknown) => () => {
        if (!(error instanceof ExtsignError)) throw error
        reportError(inFile(image, error), context.stderr)
        const { code, message } = error
        reports.push({ image, error: { code, message } })
      },
    )
  const report = async () => (await inWork.shift())?.()
  try {
    for (const image of images) {
      interrupted.throwIfAborted()
      inWork.push(start(image))
      if (inWork.length >= atOnce) await report()
    }
    while (inWork.length > 0) await report()
  } finally {
    // Whatever happened, nothing goes on behind the caller's back, and what was done is said.
    for (const each of inWork) await each.then((say) => say()).catch(() => undefined)
  }
  return reports
}

/** An image that is not in order is worse than one that could not be written. */
export function exitCodeOf(reports: readonly object[]): number {
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
