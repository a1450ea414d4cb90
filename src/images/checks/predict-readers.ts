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
import type { OpenImage } from '../read/open-image.ts'
import { GENERATIONS, type Generation, type ReaderSeal } from '../read/reader-seal.ts'
import { verityPath } from '../read/sidecars.ts'
import { type Failed, type Finding, judge } from './finding.ts'
import { findObstacles } from './obstacles.ts'
import { predictKernel } from './predict-kernel.ts'
import { predictUserspace } from './predict-userspace.ts'
import type { Answer, ReaderVerdict } from './reader-verdict.ts'
import type { Subject } from './subject.ts'

const LATEST: Generation = 'systemd 262'
const WORST_FIRST = ['refuses', 'unproven', 'depends', 'accepts'] as const

/**
 * The verdicts of kernel and userspace about the signature, and of systemd about the image. Where the
 * versions of systemd differ, each has a line of its own below what comes of that.
 */
export function predictReaders(
  subject: Subject,
  findings: readonly Finding[],
): readonly ReaderVerdict[] {
  const signatures = predictSignatures(subject, subject.rootHashes.seals[LATEST])
  return [...signatures, ...combine((generation) => predictSystemd(subject, generation, findings))]
}

/**
 * What systemd refuses the image for, whatever the policy says, where `findings` have nothing wrong:
 * no image is `ok` that a reader refuses.
 */
export function findRefusals(subject: Subject, findings: readonly Finding[]): readonly Failed[] {
  if (judge(findings) === 'wrong') return []
  for (const generation of GENERATIONS) {
    const obstacles = findObstacles(subject, generation, findings)
    const refusal = obstacles.find(({ certain }) => certain)
    if (!refusal) continue
    const expected = `an image that ${generation} can use`
    return [{ check: 'readers', ok: false, expected, found: refusal.reason }]
  }
  return []
}

/** What systemd makes of the policy alone, whatever else is wrong with the image. */
export function predictPolicy(subject: Subject): Answer {
  const [systemd] = combine((generation) => decide(subject, generation))
  return systemd
}

/** A refusal comes first, then what is not known. */
function predictSystemd(
  subject: Subject,
  generation: Generation,
  findings: readonly Finding[],
): Answer {
  const { objections } = subject.image.selection ?? {}
  const objection = objections?.[generation]
  // Of partitions that another version chooses nothing is known.
  if (objection && objection !== objections?.[LATEST]) {
    return { verdict: 'unproven', reason: objection.reason }
  }
  const policy = decide(subject, generation)
  if (policy.verdict === 'refuses') return policy
  const obstacles = findObstacles(subject, generation, findings)
  const refusal = obstacles.find(({ certain }) => certain)
  if (refusal) return { verdict: 'refuses', reason: refusal.reason }
  const [doubt] = obstacles
  return doubt ? { verdict: 'unproven', reason: doubt.reason } : policy
}

/** The answer that is worst, for systemd as such, and those of the versions where they differ. */
function combine(
  answerOf: (generation: Generation) => Answer,
): readonly [ReaderVerdict, ...ReaderVerdict[]] {
  const answers = GENERATIONS.map((generation) => ({
    reader: generation,
    ...answerOf(generation),
  }))
  const latest = answers.at(-1)!
  const isSame = answers.every(
    ({ verdict, reason }) => verdict === latest.verdict && reason === latest.reason,
  )
  if (isSame) return [{ ...latest, reader: 'systemd' }]
  const worst = WORST_FIRST.find((verdict) => answers.some((answer) => answer.verdict === verdict))
  const { verdict, reason } = answers.findLast((answer) => answer.verdict === worst) ?? latest
  return [{ reader: 'systemd', verdict, reason }, ...answers]
}

function predictSignatures(
  { options }: Subject,
  { signature }: ReaderSeal,
): readonly [ReaderVerdict, ReaderVerdict] {
  const { certificates = [], trust } = options
  const keyrings = [...certificates, ...(trust?.certificates ?? [])]
  return [
    { reader: 'kernel', ...predictKernel(signature, keyrings) },
    { reader: 'userspace', ...predictUserspace(signature, options) },
  ]
}

/** The outcome under the policy that was given, or else the one systemd uses for such an image. */
function decide(subject: Subject, generation: Generation): Answer {
  const { image, options, rootHashes } = subject
  const seal = rootHashes.seals[generation]
  const answer = (verdict: Answer['verdict'], reason: string): Answer => ({ verdict, reason })
  const verity = verityPath(image.sidecars)
  if (image.gpt && verity !== undefined) {
    return answer('refuses', `EBADR: ${verity} beside a partition table`)
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
  const isIgnored = image.hash !== undefined && !seal.rootHash && !seal.objection
  if (isIgnored && (unsigned || allowed.includes('signed'))) {
    return answer('accepts', describeIgnored(image))
  }
  if (allowed.includes('signed')) {
    const [kernel, userspace] = predictSignatures(subject, seal)
    const accepting = [kernel, userspace].find(({ verdict }) => verdict === 'accepts')
    if (accepting) return answer('accepts', `signed, checked by the ${accepting.reader}`)
    if (!unsigned) {
      const { objection } = seal
      if (objection) return answer(objection.certain ? 'refuses' : 'unproven', objection.reason)
      const unread = [kernel, userspace].find(({ verdict }) => verdict === 'unproven')
      if (unread) return answer('unproven', unread.reason)
      return [kernel, userspace].some(({ verdict }) => verdict === 'depends')
        ? answer('depends', 'signed, when the kernel or userspace knows the certificate')
        : answer('refuses', 'EDESTADDRREQ: neither kernel nor userspace accepts the signature')
    }
  }
  if (unsigned) {
    return answer('accepts', 'with its hash tree: the policy asks for no valid signature')
  }
  if (allowed.includes('unprotected')) {
    return answer('accepts', 'without any protection: the policy allows it')
  }
  return answer('refuses', `the policy leaves ${allowed.join('+') || 'no use'} for it`)
}

/** Why an image is mounted as if it had no hash tree, whatever the policy wants of it. */
function describeIgnored({ gpt, designator, fileName }: OpenImage): string {
  const file = `${fileName.replace(/\.raw$/, '')}.${designator}hash`
  const reads = gpt && designator === 'root' ? `a signature partition or ${file}` : file
  return `unverified: its hash tree is used only with ${reads}`
}

function guessKind(fileName: string): 'sysext' | 'confext' {
  return fileName.endsWith('.confext.raw') ? 'confext' : 'sysext'
}
