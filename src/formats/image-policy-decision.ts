/**
 * What systemd does with an image under a policy, told from its partition table alone.
 *
 * Presence decides here. Whether a signature holds is tested later, when the image is activated.
 * See systemd src/shared/dissect-image.c.
 */

import {
  type ImagePolicy,
  POLICY_DESIGNATORS,
  type PolicyDesignator,
  type PolicyUse,
  policyFor,
} from './image-policy.ts'

/** What each protecting partition protects. */
const PARENTS: Readonly<Partial<Record<PolicyDesignator, PolicyDesignator>>> = {
  'root-verity': 'root',
  'root-verity-sig': 'root-verity',
  'usr-verity': 'usr',
  'usr-verity-sig': 'usr-verity',
}

/** A partition that is there. */
export interface FoundPartition {
  readonly designator: PolicyDesignator
  /** GPT attribute bits; absent for an image without partition table. */
  readonly readOnly?: boolean
  readonly growfs?: boolean
  /** File system type; absent where there is none, as in an encrypted partition. */
  readonly filesystem?: string
}

/** Why a policy rejects an image. */
export interface PolicyRejection {
  readonly designator: PolicyDesignator
  /** What the policy allows, in its own words. */
  readonly expected: string
  /** What the image has. */
  readonly found: string
}

export interface PolicyDecision {
  /** Empty where the image is accepted. */
  readonly rejections: readonly PolicyRejection[]
  /** How the root and usr partitions may be used: what they offer and the policy allows. */
  readonly uses: ReadonlyMap<'root' | 'usr', readonly PolicyUse[]>
}

/** Evaluates `policy` for an image with the partitions `found`. */
export function evaluateImagePolicy(
  policy: ImagePolicy,
  found: readonly FoundPartition[],
): PolicyDecision {
  const rejections: PolicyRejection[] = []
  const uses = new Map<'root' | 'usr', readonly PolicyUse[]>()
  const usable = found.filter(({ designator }) => mayUse(policy, designator))
  for (const designator of POLICY_DESIGNATORS) {
    const demanded = policyFor(policy, designator)
    const present = found.find((partition) => partition.designator === designator)
    const offered = offeredUses(designator, found, usable)
    const common = offered.filter((use) => demanded.uses.includes(use))
    if (common.length === 0) {
      rejections.push({
        designator,
        expected: demanded.uses.join('+'),
        found: present && !usable.includes(present) ? 'present' : offered.join('+'),
      })
    }
    if (designator === 'root' || designator === 'usr') uses.set(designator, common)
    if (present && usable.includes(present)) rejections.push(...checkFlags(policy, present))
  }
  return { rejections: [...rejections, ...checkParents(usable)], uses }
}

/** Whether the policy lets a partition take part at all; otherwise it is as if it were unused. */
function mayUse(policy: ImagePolicy, designator: PolicyDesignator): boolean {
  return policyFor(policy, designator).uses.some((use) => use !== 'unused' && use !== 'absent')
}

/** A partition in use needs what it protects; an image needs something to mount. */
function checkParents(usable: readonly FoundPartition[]): PolicyRejection[] {
  const has = (name: string) => usable.some(({ designator }) => designator === name)
  if (!has('root') && !has('usr')) {
    return [{ designator: 'root', expected: 'a root or usr partition in use', found: 'none' }]
  }
  return usable
    .map(({ designator }) => [designator, PARENTS[designator]] as const)
    .filter(([, parent]) => parent !== undefined && !has(parent))
    .map(([designator, parent]) => ({ designator, expected: `${parent} in use`, found: 'unused' }))
}

function offeredUses(
  designator: PolicyDesignator,
  found: readonly FoundPartition[],
  usable: readonly FoundPartition[],
): PolicyUse[] {
  const has = (name: string) => usable.some((partition) => partition.designator === name)
  if (!found.some((partition) => partition.designator === designator)) return ['absent']
  if (!has(designator)) return ['unused']
  const verity = has(`${designator}-verity`)
  const filesystem = found.find((partition) => partition.designator === designator)?.filesystem
  return [
    ...(verity ? (['verity'] as const) : []),
    ...(verity && has(`${designator}-verity-sig`) ? (['signed'] as const) : []),
    ...(filesystem === undefined ? (['encrypted', 'encryptedwithintegrity'] as const) : []),
    'unprotected',
    'unused',
  ]
}

function checkFlags(policy: ImagePolicy, partition: FoundPartition): PolicyRejection[] {
  const { designator } = partition
  const { readOnly, growfs, filesystems } = policyFor(policy, designator)
  const bits = [
    ['read-only', readOnly, partition.readOnly],
    ['growfs', growfs, partition.growfs],
  ] as const
  const rejections: PolicyRejection[] = bits
    .filter(([, wanted, found]) => wanted !== undefined && found !== undefined && wanted !== found)
    .map(([flag, wanted]) => ({
      designator,
      expected: `${flag}-${wanted ? 'on' : 'off'}`,
      found: `${flag}-${wanted ? 'off' : 'on'}`,
    }))
  const { filesystem } = partition
  if (filesystem !== undefined && filesystems.length > 0 && !filesystems.includes(filesystem)) {
    rejections.push({ designator, expected: filesystems.join('+'), found: filesystem })
  }
  return rejections
}
