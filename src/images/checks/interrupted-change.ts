/** Check of the journal beside an image: whether a change of it is not finished. */

import { readImage } from '../read/open-image.ts'
import type { JournalBeside } from '../read/pending-change.ts'
import { collectRootHashes } from '../read/root-hash-claims.ts'
import { type Check, type Finding, type Outcome, runChecks } from './finding.ts'
import type { Subject } from './subject.ts'

export const REMEDY =
  'run the interrupted command again, or extsign resign: either finishes it first'

/** A change that another command has begun: the bytes are read as they are, whatever they shall be. */
export const interruptedChange: Check<Subject> = {
  name: 'interrupted change',
  run: async ({ image }) => judgeJournal(image.journal),
}

/** What the journal beside an image means for it. */
export function judgeJournal(journal: JournalBeside | undefined): Outcome | undefined {
  const expected = 'an image that no command is changing'
  switch (journal?.kind) {
    case undefined:
      return undefined
    case 'pending': {
      const found = `one whose change is not finished, see ${journal.path}: ${REMEDY}`
      return { problems: [{ expected, found, unproven: true }] }
    }
    case 'unreadable':
      return { problems: [{ expected, found: journal.reason, unproven: true }] }
    case 'settled':
      return { problems: [], note: `none: nothing is left to do of ${journal.path}` }
    case 'ignored':
      return { problems: [], note: `none: ${journal.path} does not count, ${journal.reason}` }
  }
}

/**
 * The findings about an image whose change is pending: what is wrong only because it is not finished is
 * not shown to be wrong.
 */
export async function excuseInterrupted(
  subject: Subject,
  findings: readonly Finding[],
  checks: readonly Check<Subject>[],
): Promise<readonly Finding[]> {
  const { image } = subject
  if (image.journal?.kind !== 'pending') return findings
  const finished = await readImage(image.journal.change.finished(), image.path)
  try {
    // Data and hash tree are the same before and after.
    const rootHashes = await collectRootHashes(finished)
    const later = await runChecks({ ...subject, image: finished, rootHashes }, checks)
    const lasting = new Set(later.flatMap(({ ok, check }) => (ok ? [] : [check])))
    return findings.map((finding) =>
      finding.ok || lasting.has(finding.check) ? finding : { ...finding, unproven: true },
    )
  } finally {
    await finished.sidecars.verity?.close()
  }
}
