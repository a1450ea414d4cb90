/** What `pcr explain` found, for people and for programs. */

import { toHex } from '../../bytes/hex.ts'
import type { Comparison, Explanation } from '../../policies/explain/comparison.ts'
import type { Difference } from '../../policies/explain/difference.ts'
import type { Context } from '../context.ts'
import { formatJson } from '../json.ts'
import { paint, printable } from '../terminal.ts'

/** Every comparison, then the first event that differs of each PCR. */
export function formatExplanation(
  file: string,
  { ok, comparisons, unknown, phase, differences }: Explanation,
  context: Context,
): string {
  const state = phase === undefined ? [] : [`${stateText(ok, phase)}\n`]
  return [
    ...comparisons.map((each) => formatComparison(each, context)),
    ...unknown.map((pcr) => `PCR ${pcr} is not known of the machine: not compared\n`),
    ...state,
    ...differences.map(formatDifference),
    ok ? `${printable(file)} fits\n` : `${printable(file)} does not fit\n`,
  ].join('')
}

export function formatExplanationJson(file: string, explanation: Explanation): string {
  const { ok, comparisons, unknown, phase, differences } = explanation
  return formatJson({ file, ok, phase, comparisons, unknown, differences })
}

function formatComparison(comparison: Comparison, context: Context): string {
  const { what } = comparison
  if (comparison.ok) {
    return `${paint(context, context.stdout, 'green', 'ok  ')}  ${what}: ${comparison.detail}\n`
  }
  const { expected, found } = comparison
  const word = paint(context, context.stdout, 'red', 'FAIL')
  return `${word}  ${what}: expected ${expected}, found ${found}\n`
}

function stateText(ok: boolean, phase: string): string {
  const state = phase === '' ? 'when the kernel starts' : `in phase ${printable(phase)}`
  return ok ? `this is the state ${state}` : `the closest state is that ${state}`
}

const KINDS = {
  changed: 'is another',
  missing: 'is missing',
  unexpected: 'comes before what was expected',
  ended: 'did not come, nor any after it',
} as const

function formatDifference({ pcr, position, kind, expected, found }: Difference): string {
  if (kind === 'unknown') {
    return `PCR ${pcr}: no single event explains the value; logs would, see --event-log\n`
  }
  const lines = [`PCR ${pcr}: event ${position + 1} ${KINDS[kind]}\n`]
  if (expected) {
    const { by, description, reason, files, digests } = expected
    const from =
      files.length === 0 ? '' : `, from ${files.map((file) => printable(file)).join(', ')}`
    lines.push(`  expected  ${printable(description)} (${by}: ${reason}${from})\n`)
    lines.push(formatDigests(digests))
  } else {
    lines.push('  expected  nothing more\n')
  }
  if (found) {
    const { type, description, log, offset, digests } = found
    const text = description === '' ? type : `${printable(description)} (${type})`
    lines.push(`  found     ${text} in ${printable(log)} at byte ${offset}\n`)
    lines.push(formatDigests(digests))
  }
  return lines.join('')
}

function formatDigests(digests: ReadonlyMap<string, Uint8Array>): string {
  return [...digests].map(([bank, digest]) => `            ${bank} ${toHex(digest)}\n`).join('')
}
