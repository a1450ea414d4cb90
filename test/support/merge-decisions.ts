/** The table in `test/vectors/merge-decisions.txt`. */

import { readFileSync } from 'node:fs'

export interface MergeCase {
  readonly name: string
  readonly kind: 'sysext' | 'confext'
  readonly scope: string
  /** Text of the host's os-release and of the extension's extension-release. */
  readonly host: string
  readonly extension: string
  readonly expect: Verdict
  /** The verdict of a systemd that does not look at ID_LIKE. */
  readonly withoutIdLike: Verdict
}

export interface Verdict {
  readonly merges: boolean
  readonly rule: string
}

/** Every case of the table, in its order. */
export function readMergeCases(): readonly MergeCase[] {
  const text = readFileSync(new URL('../vectors/merge-decisions.txt', import.meta.url), 'utf8')
  return text
    .split('\n\n')
    .filter((block) => !block.startsWith('#'))
    .map(parseCase)
}

function parseCase(block: string): MergeCase {
  const lines = block.trimEnd().split('\n')
  const values = (field: string) =>
    lines
      .filter((line) => line.startsWith(`${field}: `))
      .map((line) => line.slice(field.length + 2))
  const value = (field: string) => values(field)[0]
  const expect = parseVerdict(value('expect') ?? '')
  return {
    name: value('case') ?? '',
    kind: value('kind') === 'confext' ? 'confext' : 'sysext',
    scope: value('scope') ?? 'system',
    host: `${values('host').join('\n')}\n`,
    extension: `${values('extension').join('\n')}\n`,
    expect,
    withoutIdLike: lines.some((line) => line.startsWith('without-id-like: '))
      ? parseVerdict(value('without-id-like') ?? '')
      : expect,
  }
}

function parseVerdict(text: string): Verdict {
  const match = /^(accept|reject) ([a-z-]+)$/.exec(text)
  if (!match) throw new Error(`not a verdict: ${JSON.stringify(text)}`)
  return { merges: match[1] === 'accept', rule: match[2]! }
}
