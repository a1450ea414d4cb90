/** Everything that can be said about an image without mounting it, without root and without systemd. */

import { toHex } from '../bytes/hex.ts'
import { parseImagePolicy } from '../formats/image-policy.ts'
import { contentType, extensionRelease, filesystem, hierarchies, merge } from './checks/contents.ts'
import { type Check, type Finding, judge, runChecks, type Verdict } from './checks/finding.ts'
import { excuseInterrupted, interruptedChange } from './checks/interrupted-change.ts'
import { findRefusals, predictReaders } from './checks/predict-readers.ts'
import type { ReaderVerdict } from './checks/reader-verdict.ts'
import { imagePolicy, sidecars } from './checks/readers.ts'
import {
  certificateFingerprint,
  signature,
  signaturePartition,
  signatureShape,
} from './checks/signature.ts'
import { examine, type Subject } from './checks/subject.ts'
import { partitions, partitionTable } from './checks/table.ts'
import { unusedSpace } from './checks/unused-space.ts'
import { data, hashTree, rootHash, veritySuperblock } from './checks/verity.ts'
import { openImage } from './read/open-image.ts'
import type { JournalBeside } from './read/pending-change.ts'
import type { VerifyOptions } from './verify-options.ts'

export interface Verification {
  readonly path: string
  /**
   * `ok`: everything is as it must be and a given certificate vouches for it. `unproven`: nothing
   * is wrong, but not everything could be shown, such as who signed, or a change of the image is not
   * finished. `wrong`: something is.
   */
  readonly verdict: Verdict
  /**
   * The journal beside the image, where it says that a change of it is not finished, or may say so
   * and cannot be read. The verdict is not `ok` then.
   */
  readonly pendingChange?: string
  /** In the order of {@link CHECKS}; checks with nothing to look at are left out. */
  readonly findings: readonly Finding[]
  /** Computed from the image, lower-case hexadecimal; absent where there is no hash tree. */
  readonly rootHash?: string
  /** What kernel, userspace and systemd would do with it. */
  readonly readers: readonly ReaderVerdict[]
}

/** What protects the file system, whatever is in it. */
export const SEAL_CHECKS: readonly Check<Subject>[] = [
  partitionTable,
  partitions,
  contentType,
  unusedSpace,
  sidecars,
  veritySuperblock,
  data,
  hashTree,
  rootHash,
  signaturePartition,
  signatureShape,
  signature,
  certificateFingerprint,
]

const CHECKS: readonly Check<Subject>[] = [
  interruptedChange,
  ...SEAL_CHECKS,
  filesystem,
  extensionRelease,
  hierarchies,
  merge,
  imagePolicy,
]

/**
 * Verifies an image: partition table, hash tree, signature, file system, release file and, where
 * asked for, whether a target would merge it and a policy would admit it.
 *
 * @example
 * const { verdict, findings } = await verifyImage('hello.sysext.raw', {
 *   certificates: [await loadCertificate('keys/release.crt')],
 * })
 *
 * @throws FormatError where the file is no image at all or the policy cannot be parsed, FileError
 *   where it cannot be read.
 */
export async function verifyImage(
  path: string,
  options: VerifyOptions = {},
): Promise<Verification> {
  if (options.imagePolicy !== undefined) parseImagePolicy(options.imagePolicy)
  const image = await openImage(path)
  try {
    const subject = await examine(image, options)
    const checked = await runChecks(subject, CHECKS)
    const found = [...checked, ...findRefusals(subject, checked)]
    const findings = await excuseInterrupted(subject, found, CHECKS)
    const { journal } = image
    return {
      path,
      verdict: judge(findings),
      ...(journal && isOpen(journal) && { pendingChange: journal.path }),
      findings,
      ...(subject.tree && { rootHash: toHex(subject.tree.rootHash) }),
      readers: predictReaders(subject, found),
    }
  } finally {
    await image.close()
  }
}

function isOpen({ kind }: JournalBeside): boolean {
  return kind === 'pending' || kind === 'unreadable'
}
