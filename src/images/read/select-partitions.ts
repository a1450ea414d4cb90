/**
 * Which partitions of a table a reader would mount as the extension, and which have no place there.
 *
 * See systemd src/shared/dissect-image.c. A reader prefers its own architecture; an image meant for
 * everybody must leave it no choice.
 */

import {
  ATTRIBUTE_NO_AUTO,
  type Designator,
  describePartitionType,
  findPartitionType,
  type GptPartition,
  type PartitionRole,
  type PartitionType,
  partitionTypeName,
} from '../../formats/gpt/index.ts'

/** The partitions of one tree. */
export interface SelectedPartitions {
  readonly designator: Designator
  /** Undefined where the file system is in a generic Linux partition. */
  readonly architecture: string | undefined
  readonly data: GptPartition
  readonly hash: GptPartition | undefined
  readonly signature: GptPartition | undefined
}

export interface Selection {
  /** Undefined where there is nothing to mount. */
  readonly selected: SelectedPartitions | undefined
  /** Partitions that take no part, each with the reason. */
  readonly others: readonly { readonly partition: GptPartition; readonly reason: string }[]
}

interface Typed extends PartitionType {
  readonly partition: GptPartition
}

/** Chooses among the partitions of a table. */
export function selectPartitions(partitions: readonly GptPartition[]): Selection {
  const skipped = new Map<GptPartition, string>()
  for (const partition of partitions) {
    if ((partition.attributes & ATTRIBUTE_NO_AUTO) !== 0n) {
      skipped.set(partition, 'readers skip it: the no-auto bit is set')
    } else if (partition.name === '_empty') {
      skipped.set(partition, 'readers skip it: its label is _empty')
    }
  }
  const visible = partitions.filter((partition) => !skipped.has(partition))
  const typed = visible.flatMap((partition): Typed[] => {
    const type = findPartitionType(partition.typeGuid)
    return type ? [{ ...type, partition }] : []
  })
  const selected = selectTree(typed) ?? selectGeneric(visible)
  const chosen = [selected?.data, selected?.hash, selected?.signature]
  const others = partitions
    .filter((partition) => !chosen.includes(partition))
    .map((partition) => ({
      partition,
      reason: skipped.get(partition) ?? 'it has no place in an extension image',
    }))
  return { selected, others }
}

/** The first root partition, or else the first usr partition, with what protects it. */
function selectTree(typed: readonly Typed[]): SelectedPartitions | undefined {
  const data =
    typed.find(({ designator, role }) => designator === 'root' && role === 'data') ??
    typed.find(({ role }) => role === 'data')
  if (!data) return undefined
  const { designator, architecture } = data
  const find = (role: PartitionRole) => {
    const name = partitionTypeName({ designator, architecture, role })
    return typed.find((type) => partitionTypeName(type) === name)?.partition
  }
  const hash = find('hash')
  const signature = hash && find('signature')
  return { designator, architecture, data: data.partition, hash, signature }
}

/** A single generic partition counts as root where no partition has a better type. */
function selectGeneric(visible: readonly GptPartition[]): SelectedPartitions | undefined {
  const [data, surplus] = visible.filter(
    ({ typeGuid }) => describePartitionType(typeGuid) === 'linux-generic',
  )
  if (!data || surplus) return undefined
  return {
    designator: 'root',
    architecture: undefined,
    data,
    hash: undefined,
    signature: undefined,
  }
}
