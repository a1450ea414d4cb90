/**
 * What would happen to an image: in the kernel, in systemd's own check against `verity.d`, and in
 * the end.
 *
 * systemd asks the kernel first. Where that refuses, it checks the signature itself; where that
 * fails too, it activates the image unsigned if the policy also allows `verity`.
 */

import { DEFAULT_POLICIES, parseImagePolicy } from '../../formats/image-policy.ts'
import { evaluateImagePolicy } from '../../formats/image-policy-decision.ts'
import { foundPartitions } from '../read/found-partitions.ts'
import type { Finding } from './finding.ts'
import { findObstacles } from './obstacles.ts'
import { predictKernel } from './predict-kernel.ts'
import { predictUserspace } from './predict-userspace.ts'
import type { Answer, ReaderVerdict } from './reader-verdict.ts'
import type { Subject } from './subject.ts'

/** The verdicts of kernel and userspace about the signature, and of systemd about the image. */
export function predictReaders(
  subject: Subject,
  findings: readonly Finding[],
): readonly ReaderVerdict[] {
  const readers = predictSignatures(subject)
  return [...readers, { reader: 'systemd', ...predictSystemd(subject, readers, findings) }]
}

/** A refusal comes first, then what is not known. */
function predictSystemd(
  subject: Subject,
  readers: readonly [ReaderVerdict, ReaderVerdict],
  findings: readonly Finding[],
): Answer {
  const policy = decide(subject, readers)
  if (policy.verdict === 'refuses') return policy
  const obstacles = findObstacles(subject, findings)
  const refusal = obstacles.find(({ certain }) => certain)
  if (refusal) return { verdict: 'refuses', reason: refusal.reason }
  const [doubt] = obstacles
  return doubt ? { verdict: 'unproven', reason: doubt.reason } : policy
}

/** What systemd makes of the policy alone, whatever else is wrong with the image. */
export function predictPolicy(subject: Subject): Answer {
  return decide(subject, predictSignatures(subject))
}

function predictSignatures({
  rootHashes,
  options,
}: Subject): readonly [ReaderVerdict, ReaderVerdict] {
  const { signature } = rootHashes.reader
  const { certificates = [], trust } = options
  const keyrings = [...certificates, ...(trust?.certificates ?? [])]
  return [
    { reader: 'kernel', ...predictKernel(signature, keyrings) },
    { reader: 'userspace', ...predictUserspace(signature, options) },
  ]
}

/** The outcome under the policy that was given, or else the one systemd uses for such an image. */
function decide(
  { image, options, rootHashes }: Subject,
  [kernel, userspace]: readonly [ReaderVerdict, ReaderVerdict],
): Answer {
  const answer = (verdict: Answer['verdict'], reason: string): Answer => ({ verdict, reason })
  if (image.gpt && image.sidecars.verity) {
    return answer('refuses', `EBADR: ${image.sidecars.verity.path} beside a partition table`)
  }
  const policy = parseImagePolicy(
    options.imagePolicy ?? DEFAULT_POLICIES[options.kind ?? guessKind(image.fileName)],
  )
  const { rejections, uses } = evaluateImagePolicy(policy, foundPartitions(image))
  const [rejection] = rejections
  if (rejection) {
    const { designator, expected, found } = rejection
    return answer('refuses', `ERFKILL: policy wants ${designator} ${expected}, found ${found}`)
  }
  const allowed = uses.get(image.designator) ?? []
  const unsigned = allowed.includes('verity')
  if (allowed.includes('signed')) {
    const accepting = [kernel, userspace].find(({ verdict }) => verdict === 'accepts')
    if (accepting) return answer('accepts', `signed, checked by the ${accepting.reader}`)
    if (!unsigned) {
      const { objection } = rootHashes.reader
      if (objection) return answer(objection.certain ? 'refuses' : 'unproven', objection.reason)
      return [kernel, userspace].some(({ verdict }) => verdict === 'depends')
        ? answer('depends', 'signed, when the kernel or userspace knows the certificate')
        : answer('refuses', 'EDESTADDRREQ: neither kernel nor userspace accepts the signature')
    }
  }
  if (unsigned) {
    return rootHashes.reader.rootHash
      ? answer('accepts', 'with its hash tree, whoever signed it: the policy allows it')
      : answer(
          'accepts',
          'without its hash tree, for nothing states a root hash: the policy allows it',
        )
  }
  if (allowed.includes('unprotected')) {
    return answer('accepts', 'without any protection: the policy allows it')
  }
  return answer('refuses', `the policy leaves ${allowed.join('+') || 'no use'} for it`)
}

function guessKind(fileName: string): 'sysext' | 'confext' {
  return fileName.endsWith('.confext.raw') ? 'confext' : 'sysext'
}
