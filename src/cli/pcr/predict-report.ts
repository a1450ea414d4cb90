/** A prediction for people and for programs. */

import { toHex } from '../../bytes/hex.ts'
import type {
  PredictedEvent,
  PredictedState,
  Prediction,
} from '../../policies/predict/prediction.ts'
import type { Context } from '../context.ts'
import { formatJson } from '../json.ts'
import { formatPairs, paint, printable } from '../terminal.ts'

/** Titles, events, values, and what limits them. */
export function formatPrediction(prediction: Prediction, context: Context): string {
  const { uki, ukiPath, stubVersion, profile, events, states, skipped } = prediction
  const bold = (text: string) => paint(context, context.stdout, 'bold', text)
  const what = `profile ${profile}, stub of systemd ${stubVersion}, ${printable(ukiPath)} on the ESP`
  return [
    `${bold(printable(uki))}: ${what}\n`,
    `${bold('measured until the kernel starts')}\n${formatEvents(events)}`,
    ...states.map((state) => formatState(state, bold)),
    ...(skipped.length === 0
      ? []
      : [
          `${bold('not measured')}\n${formatPairs(skipped.map(({ file, reason }) => [printable(file), reason]))}`,
        ]),
    `${bold('holds where')}\n${prediction.conditions.map((each) => `  ${each}\n`).join('')}`,
    `${bold('not predicted')}\n${formatUnpredictable(prediction)}`,
  ].join('\n')
}

/** Everything, as `pcr explain` reads it again. */
export function formatPredictionJson(prediction: Prediction): string {
  const choices = prediction.choices.map(({ name, section }) => {
    return { name, offset: section?.rawOffset ?? null }
  })
  return formatJson({ ...prediction, choices })
}

function formatState({ phase, events, pcrs }: PredictedState, bold: (text: string) => string) {
  const title = phase === '' ? 'when the kernel starts' : `in phase ${printable(phase)}`
  const values = [...pcrs].flatMap(([bank, each]) =>
    [...each].map(([pcr, value]) => `  ${pcr}:${bank}=${toHex(value)}\n`),
  )
  const more = events.length === 0 ? '' : `  after ${events.map(nameOf).join(', ')}\n`
  return `${bold(title)}\n${more}${values.join('')}`
}

function nameOf({ pcr, description }: PredictedEvent): string {
  return `${printable(description)} (${pcr})`
}

/** A line that says who, what and why, and the digests below it. */
function formatEvents(events: readonly PredictedEvent[]): string {
  const width = Math.max(0, ...events.map(({ by }) => by.length))
  return events
    .map(({ pcr, by, description, reason, digests }) => {
      const line = `  ${`${pcr}`.padStart(2)}  ${by.padEnd(width)}  ${printable(description)}: ${reason}\n`
      const hashes = [...digests].map(([bank, digest]) => `      ${bank} ${toHex(digest)}\n`)
      return line + hashes.join('')
    })
    .join('')
}

function formatUnpredictable({ unpredictable }: Prediction): string {
  return formatPairs(
    unpredictable.map(({ pcrs, name, reason }) => {
      const range = pcrs.length > 1 ? `${pcrs[0]}-${pcrs.at(-1)}` : `${pcrs[0]}`
      return [`PCR ${range}`, `${name}: ${reason}`]
    }),
  )
}
