/** What `verify` found, a line a check, for people. */

import type { Finding } from '../images/checks/finding.ts'
import type { Verification } from '../images/verify.ts'
import type { Context } from './context.ts'
import { formatPairs, paint, printable, type Style } from './terminal.ts'

/** All findings of one image, what readers would do, and the verdict last. */
export function formatVerification(verification: Verification, context: Context): string {
  const { path, findings, readers, rootHash } = verification
  const bold = paint(context, context.stdout, 'bold', printable(path))
  const lines = findings.map((finding) => formatFinding(finding, context))
  const rows = readers.map(
    ({ reader, verdict, reason }) => [reader, printable(`${verdict}: ${reason}`)] as const,
  )
  return [
    `${bold}\n`,
    ...lines,
    formatPairs([...(rootHash === undefined ? [] : [['root hash', rootHash] as const]), ...rows]),
    `${formatVerdict(verification, context)}\n`,
  ].join('')
}

/** One line: what was checked, and what came out. */
export function formatFinding(finding: Finding, context: Context): string {
  const { check } = finding
  if (finding.ok) {
    const note = finding.note === undefined ? '' : `: ${printable(finding.note)}`
    return `${label('ok', 'green', context)} ${check}${note}\n`
  }
  const { expected, found, offset, unproven } = finding
  const place = offset === undefined ? '' : ` at byte ${offset}`
  const mark = unproven ? label('open', 'yellow', context) : label('FAIL', 'red', context)
  return `${mark} ${check}: ${printable(`expected ${expected}, found ${found}`)}${place}\n`
}

function label(text: string, style: Style, context: Context): string {
  return paint(context, context.stdout, style, text.padEnd(5))
}

/** The last line: what all findings together amount to. */
export function formatVerdict(
  { path, verdict, findings }: Pick<Verification, 'path' | 'verdict' | 'findings'>,
  context: Context,
): string {
  const { stdout } = context
  const failed = new Set(findings.flatMap((each) => (each.ok || each.unproven ? [] : [each.check])))
  switch (verdict) {
    case 'ok':
      return paint(context, stdout, 'green', `${printable(path)} is ok`)
    case 'unproven':
      return paint(context, stdout, 'yellow', `${printable(path)}: nothing wrong, not all proven`)
    case 'wrong': {
      const what = `${failed.size} check${failed.size === 1 ? '' : 's'} failed`
      return paint(context, stdout, 'red', `${printable(path)} is wrong: ${what}`)
    }
  }
}
