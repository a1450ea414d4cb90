/** Checks of the partition table. */

import {
  ATTRIBUTE_READ_ONLY,
  describePartitionType,
  type GptPartition,
  partitionTypeName,
} from '../../formats/gpt/index.ts'
import type { SelectedPartitions } from '../read/select-partitions.ts'
import type { Check, Problem } from './finding.ts'
import type { Subject } from './subject.ts'

/** Protective MBR, both headers, both entry arrays, ranges: everything the table must be. */
export const partitionTable: Check<Subject> = {
  name: 'partition table',
  async run({ image: { gpt } }) {
    if (!gpt) return { problems: [], note: 'none: a bare file system' }
    return {
      problems: gpt.problems.map(({ structure, field, expected, found, offset }) => {
        const place = `${structure} ${field}`
        return { expected: `${place} ${expected}`, found, offset }
      }),
      note: `${gpt.partitions.length} partitions, sectors of ${gpt.sectorSize} bytes`,
    }
  },
}

/** One file system with its hash tree and signature, and nothing else. */
export const partitions: Check<Subject> = {
  name: 'partitions',
  async run({ image: { gpt, selection, architecture, designator } }) {
    if (!gpt || !selection) return undefined
    const problems: Problem[] = selection.others.map(({ partition, reason }) => ({
      expected: 'one root or usr partition with its hash tree and signature',
      found: `${describe(partition)}: ${reason}`,
    }))
    if (!selection.selected) {
      problems.push({ expected: 'a root or usr partition', found: 'none' })
    }
    const tree = architecture ? `${designator}-${architecture}` : 'a generic partition'
    return { problems, note: [tree, ...findOddities(selection.selected)].join('; ') }
  },
}

/** What readers do not mind, and old builders did. */
function findOddities(selected: SelectedPartitions | undefined): string[] {
  if (!selected) return []
  const { designator, architecture, data, hash, signature } = selected
  return (['data', 'hash', 'signature'] as const).flatMap((role) => {
    const partition = { data, hash, signature }[role]
    if (!partition) return []
    const name = describe(partition)
    const oddities: string[] = []
    if (architecture !== undefined) {
      const label = partitionTypeName({ designator, architecture, role })
      if (partition.name !== label) oddities.push(`${name} is labelled "${partition.name}"`)
    }
    const { attributes } = partition
    if ((attributes & ATTRIBUTE_READ_ONLY) === 0n) oddities.push(`${name} is not marked read-only`)
    const others = attributes & ~ATTRIBUTE_READ_ONLY
    if (others !== 0n) oddities.push(`${name} has attributes 0x${others.toString(16)}`)
    return oddities
  })
}

function describe({ typeGuid, index }: GptPartition): string {
  return `partition ${index + 1} (${describePartitionType(typeGuid)})`
}
