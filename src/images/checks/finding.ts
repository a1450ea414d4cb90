/** What a check is, and what comes out of it. */

/** The answer of one check; a check with several problems gives several findings. */
export type Finding = Passed | Failed

export interface Passed {
  readonly check: string
  readonly ok: true
  /** What was found, or what is unusual about it without being wrong. */
  readonly note?: string
}

export interface Failed extends Problem {
  readonly check: string
  readonly ok: false
}

/** One thing that is not as it must be, or that could not be settled. */
export interface Problem {
  readonly expected: string
  readonly found: string
  /** Byte offset in the image, where it has one. */
  readonly offset?: number
  /** Not shown to be wrong, only not shown to be right: a signature nobody could check. */
  readonly unproven?: true
}

export interface Outcome {
  readonly problems: readonly Problem[]
  readonly note?: string | undefined
}

export interface Check<Subject> {
  readonly name: string
  /** Undefined where there is nothing for this check to look at. */
  run(subject: Subject): Promise<Outcome | undefined>
}

/** Runs every check and reports them all: one bad seal must not hide the next one. */
export async function runChecks<Subject>(
  subject: Subject,
  checks: readonly Check<Subject>[],
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { name: check, run } of checks) {
    const outcome = await run(subject)
    if (!outcome) continue
    const { problems, note } = outcome
    if (problems.length === 0) findings.push({ check, ok: true, ...(note && { note }) })
    else for (const problem of problems) findings.push({ check, ok: false, ...problem })
  }
  return findings
}

/** `ok`: all is as it must be. `unproven`: nothing is wrong, not all is shown. `wrong`: something is. */
export type Verdict = 'ok' | 'unproven' | 'wrong'

/** What all findings together amount to. */
export function judge(findings: readonly Finding[]): Verdict {
  const failed = findings.filter((finding) => !finding.ok)
  if (failed.some(({ unproven }) => !unproven)) return 'wrong'
  return failed.length > 0 ? 'unproven' : 'ok'
}
