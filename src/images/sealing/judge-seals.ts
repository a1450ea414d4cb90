/** Whether what protects an image is in order, and the root hash that it protects. */

import { toHex } from '../../bytes/hex.ts'
import { ImageError } from '../../errors.ts'
import type { LoadedCertificate } from '../../keys/certificate.ts'
import { contentType } from '../checks/contents.ts'
import { type Failed, runChecks } from '../checks/finding.ts'
import { REMEDY } from '../checks/interrupted-change.ts'
import { examine, type Subject } from '../checks/subject.ts'
import { unusedSpace } from '../checks/unused-space.ts'
import type { Progress } from '../options.ts'
import type { OpenImage } from '../read/open-image.ts'
import { SEAL_CHECKS } from '../verify.ts'

export interface JudgeOptions {
  /** Who must have signed; without them a signature need only not be wrong, and may be missing. */
  readonly certificates: readonly LoadedCertificate[]
  /** Hash all data and the whole tree, or the top of the tree alone. */
  readonly data: boolean
  /** Leave out what no change of a signature touches: whether unused bytes are zero. */
  readonly onlyUsed?: boolean | undefined
  readonly threads?: number | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface Seals {
  readonly subject: Subject
  /** 64 lower-case hexadecimal digits. */
  readonly rootHash: string
}

/**
 * Checks table, hash tree and signature of an image.
 *
 * @throws ImageError NOT_VERIFIED with the first thing that is wrong, NOT_SIGNED without a hash tree.
 */
export async function judgeSeals(image: OpenImage, options: JudgeOptions): Promise<Seals> {
  if (image.journal?.kind === 'pending') {
    const message = `${image.path} does not verify: a change of it is not finished`
    throw new ImageError('NOT_VERIFIED', message, { hint: REMEDY })
  }
  const { certificates, threads, onProgress } = options
  const depth = { data: options.data, contents: false }
  const subject = await examine(image, { certificates, threads, onProgress }, depth)
  const checks = SEAL_CHECKS.filter((check) => !options.onlyUsed || check !== unusedSpace)
  const findings = await runChecks(subject, checks)
  const failed = findings.find(
    (finding): finding is Failed =>
      !finding.ok &&
      (finding.unproven !== true || certificates.length > 0 || finding.check === contentType.name),
  )
  if (failed) {
    const { check, expected, found } = failed
    const message = `${image.path} does not verify: ${check}: expected ${expected}, found ${found}`
    throw new ImageError('NOT_VERIFIED', message, { hint: 'extsign verify shows everything' })
  }
  if (subject.tree?.rootHash.length !== 32) {
    throw new ImageError('NOT_SIGNED', `${image.path} cannot be signed: it has no hash tree`)
  }
  return { subject, rootHash: toHex(subject.tree.rootHash) }
}
