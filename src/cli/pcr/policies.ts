/** The policies of what was measured, and the document they go into. */

import { basename } from 'node:path'
import { readSmallFile } from '../../files/text.ts'
import {
  type BankedSignature,
  type PcrSignatureDocument,
  parsePcrSignatureDocument,
} from '../../formats/pcr-signature-document.ts'
import { type PolicyOptions, policiesOf } from '../../policies/policy.ts'
import { inFile } from '../errors.ts'
import type { Measured } from './subject.ts'

const MAX_DOCUMENT = 4 * 1024 * 1024

/** All policies, those of each profile after those of the one before. */
export function policiesOfMeasured(
  measured: Measured,
  options: PolicyOptions,
): readonly BankedSignature[] {
  const boots = measured.kind === 'uki' ? measured.measurements : [measured.measurement]
  return boots.flatMap(({ phases }) => policiesOf(phases, options))
}

/** What whoever approves a signature is told that it is for. */
export function subjectOf(measured: Measured): string {
  return measured.kind === 'uki' ? basename(measured.uki.path) : 'unified kernel image'
}

/** The document of `--append`, or an empty one. */
export async function loadDocument(path: string | undefined): Promise<PcrSignatureDocument> {
  if (path === undefined) return {}
  const bytes = await readSmallFile(path, { maximum: MAX_DOCUMENT })
  try {
    return parsePcrSignatureDocument(bytes)
  } catch (error) {
    throw inFile(path, error)
  }
}
