/** The policies of what was measured, and the document they go into. */

import { basename } from 'node:path'
import { toFileError } from '../../files/errno.ts'
import { type FileStamp, stampOf } from '../../files/file-stamp.ts'
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

/** A document, and the file it was read from as it was then. */
export interface LoadedDocument {
  readonly document: PcrSignatureDocument
  readonly source?: { readonly path: string; readonly stamp: FileStamp } | undefined
}

/** The document of `--append`, or an empty one. */
export async function loadDocument(path: string | undefined): Promise<LoadedDocument> {
  if (path === undefined) return { document: {} }
  const stamp = stampBefore(path)
  const bytes = await readSmallFile(path, { maximum: MAX_DOCUMENT })
  try {
    return { document: parsePcrSignatureDocument(bytes), source: { path, stamp } }
  } catch (error) {
    throw inFile(path, error)
  }
}

/** What changes while it is read is not what it was before. */
function stampBefore(path: string): FileStamp {
  try {
    return stampOf(path)
  } catch (error) {
    throw toFileError(error, { path, verb: 'read' })
  }
}
