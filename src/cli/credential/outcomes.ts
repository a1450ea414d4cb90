/** What became of the credentials of a manifest, said one after the other. */

import type { ExtsignError } from '../../errors.ts'
import type { Context } from '../context.ts'
import { ExitCode } from '../errors.ts'
import { jsonArray } from '../json.ts'
import { printable } from '../terminal.ts'
import type { ManifestEntry } from './manifest-fields.ts'
import { type SealedReport, timesToText } from './report.ts'

/** Characters of results that are written at once. */
const CHUNK = 64 * 1024

/** What became of a credential; not the credential, which may be large. */
export interface Outcome {
  readonly line: number
  readonly output: string
  readonly warnings?: readonly string[]
  readonly report?: SealedReport | undefined
  readonly error?: ExtsignError
}

export interface OutcomeOptions {
  /** The manifest, in messages. */
  readonly name: string
  /** How many credentials it has. */
  readonly total: number
  readonly json: boolean
  readonly quiet: boolean
  readonly interrupted: AbortSignal
  readonly context: Context
}

export interface OutcomeWriter {
  add(outcome: Outcome): Promise<void>
  /** Nothing comes any more, from `next` on where it was interrupted. */
  end(next?: ManifestEntry): Promise<number>
  /** Nothing comes any more because of an error, which is not said here. */
  fail(): Promise<void>
}

/** Waits for its readers, so that nothing piles up; an interrupt ends the waiting. */
export function outcomeWriter(options: OutcomeOptions): OutcomeWriter {
  const { name, total, json, quiet, context, interrupted } = options
  const { stdout, stderr } = context
  const array = jsonArray()
  const progress = progressOf(total, quiet, context)
  // One listener for all that is ever waited for: a race with one promise would grow with each.
  let giveUp = () => {}
  interrupted.addEventListener('abort', () => giveUp(), { once: true })
  const untilTaken = (taken: Promise<unknown>) =>
    new Promise<void>((resolve) => {
      giveUp = resolve
      if (interrupted.aborted) resolve()
      else void taken.then(() => resolve())
    })
  let [sealed, failed] = [0, 0]
  let text = ''
  const flush = async () => {
    const taken = stdout.deliver(text)
    text = ''
    await untilTaken(taken)
  }
  const say = async (conversation: string) => {
    if (conversation === '') return
    progress.clear()
    await untilTaken(stderr.deliver(conversation))
  }
  const endDocument = async () => {
    progress.clear()
    if (json) text += array.end()
    if (text !== '') await flush()
  }
  return {
    async add(outcome) {
      if (outcome.error === undefined) sealed++
      else failed++
      await say(conversationOf(outcome, name))
      if (json) text += array.add(toDocument(outcome))
      if (text.length > CHUNK) await flush()
      progress.update(sealed + failed)
    },
    async end(next) {
      if (next !== undefined) {
        if (json) text += array.add(notSealed(next))
        const done = `${sealed} of ${total} credentials are written`
        await endDocument()
        const rest = `${done}, that of line ${next.line} and those after it are not`
        stderr.write(`extsign: interrupted, ${sealed === 0 ? 'nothing was written' : rest}\n`)
        return ExitCode.interrupted
      }
      if (!json && !quiet) text += summarize(sealed, failed)
      await endDocument()
      return failed === 0 ? ExitCode.done : ExitCode.failed
    },
    async fail() {
      await endDocument()
      stderr.write(`extsign: ${sealed} of ${total} credentials are written\n`)
    },
  }
}

function progressOf(total: number, quiet: boolean, { stderr, environment }: Context) {
  const isShown = !quiet && stderr.isTerminal && !environment.CI && environment.TERM !== 'dumb'
  let shown = -1
  return {
    update(done: number) {
      const share = Math.floor((done / total) * 100)
      if (!isShown || share === shown) return
      shown = share
      stderr.write(`\r\x1b[Ksealing ${share} %`)
    },
    clear() {
      if (shown >= 0) stderr.write('\r\x1b[K')
      shown = -1
    },
  }
}

function conversationOf({ line, output, warnings = [], error }: Outcome, name: string): string {
  const place = `${name} line ${line}: `
  const lines = warnings.map((warning) => `warning: ${printable(`${place}${output}: ${warning}`)}`)
  if (error !== undefined) lines.push(`error: ${printable(place + error.message)}`)
  if (error?.hint !== undefined) lines.push(`hint: ${printable(error.hint)}`)
  return lines.map((text) => `extsign: ${text}\n`).join('')
}

function toDocument({ line, output, warnings, report, error }: Outcome): unknown {
  if (error !== undefined)
    return { line, output, error: { code: error.code, message: error.message } }
  return { line, ...(report && { ...timesToText(report), warnings }) }
}

function notSealed({ line, request: { output } }: ManifestEntry): unknown {
  const message = 'interrupted: this one and those after it were not sealed'
  return { line, output, error: { code: 'INTERRUPTED', message } }
}

function summarize(sealed: number, failed: number): string {
  const ending = failed === 0 ? '' : `, ${failed} failed`
  return `${sealed} ${sealed === 1 ? 'credential' : 'credentials'} sealed${ending}\n`
}
