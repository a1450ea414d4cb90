/** The partitions of an image in the words of image policies. */

import {
  ATTRIBUTE_GROWFS,
  ATTRIBUTE_READ_ONLY,
  describePartitionType,
  findPartitionType,
  type GptPartition,
} from '../../formats/gpt/index.ts'
import { POLICY_DESIGNATORS, type PolicyDesignator } from '../../formats/image-policy.ts'
import type { FoundPartition } from '../../formats/image-policy-decision.ts'
import type { OpenImage } from './open-image.ts'

const SUFFIXES = { data: '', hash: '-verity', signature: '-verity-sig' } as const

/** What a policy decides about. */
export function foundPartitions(image: OpenImage): readonly FoundPartition[] {
  const { gpt, selection, filesystem, sidecars, designator } = image
  const type = filesystem && { filesystem }
  if (!gpt) {
    const bare: FoundPartition[] = [{ designator, ...type }]
    if (sidecars.verity && sidecars.rootHash) bare.push({ designator: `${designator}-verity` })
    if (bare.length > 1 && sidecars.signature) bare.push({ designator: `${designator}-verity-sig` })
    return bare
  }
  const skipped = selection?.others.map(({ partition }) => partition) ?? []
  const selected = selection?.selected?.data
  return gpt.partitions.flatMap((partition): FoundPartition[] => {
    const found = partition === selected ? designator : designatorOf(partition)
    if (!found || (skipped.includes(partition) && isProtected(found))) return []
    return [
      {
        designator: found,
        readOnly: (partition.attributes & ATTRIBUTE_READ_ONLY) !== 0n,
        growfs: (partition.attributes & ATTRIBUTE_GROWFS) !== 0n,
        ...(partition === selected && type),
      },
    ]
  })
}

function designatorOf({ typeGuid }: GptPartition): PolicyDesignator | undefined {
  const type = findPartitionType(typeGuid)
  const name = type ? `${type.designator}${SUFFIXES[type.role]}` : describePartitionType(typeGuid)
  return POLICY_DESIGNATORS.find((designator) => designator === name)
}

/** Of these the image has chosen its own; the others of the kind do not count. */
function isProtected(designator: PolicyDesignator): boolean {
  return designator.startsWith('root') || designator.startsWith('usr')
}
