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
  type Gpt,
  type GptPartition,
  type PartitionRole,
  type PartitionType,
  partitionTypeName,
} from '../../formats/gpt/index.ts'
import { compareVersions } from '../../formats/version.ts'
import type { Generation } from './reader-seal.ts'

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
  /** Why systemd refuses an image with such partitions, or what its choice is up to. */
  readonly objections: Readonly<Record<Generation, SelectionObjection | undefined>>
}

export interface SelectionObjection {
  /** False where some readers, or machines, choose as we do. */
  readonly certain: boolean
  readonly reason: string
}

interface Typed extends PartitionType {
  readonly partition: GptPartition
}

const EMPTY_LABEL = '_empty'

/** A label as libblkid hands it on: without the blanks at its end. */
function labelOf({ name }: GptPartition): string {
  return name.replace(/[ \t\n\v\f\r]+$/, '')
}

/** Chooses among the partitions of a table. */
export function selectPartitions(
  gpt: Pick<Gpt, 'partitions' | 'firstUsableLba' | 'lastUsableLba'>,
): Selection {
  const { partitions } = gpt
  const skipped = new Map<GptPartition, string>()
  for (const partition of partitions) {
    const reason = whySkipped(partition, gpt)
    if (reason) skipped.set(partition, reason)
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
  const objection = findObjection(partitions, typed, selected)
  const isEmpty = partitions.some(
    (partition) => labelOf(partition) === EMPTY_LABEL && mayBeMounted(partition, selected),
  )
  const reason = `systemd 257 uses partitions with the label ${EMPTY_LABEL}`
  return {
    selected,
    others,
    objections: {
      'systemd 257': isEmpty ? { certain: false, reason } : objection,
      'systemd 262': objection,
    },
  }
}

function whySkipped(
  partition: GptPartition,
  { firstUsableLba, lastUsableLba }: Pick<Gpt, 'firstUsableLba' | 'lastUsableLba'>,
): string | undefined {
  const { attributes, firstLba, lastLba } = partition
  if (BigInt(firstLba) < firstUsableLba || BigInt(lastLba) > lastUsableLba) {
    return 'readers ignore it: it is not in the usable sectors'
  }
  if ((attributes & ATTRIBUTE_NO_AUTO) !== 0n) return 'readers skip it: the no-auto bit is set'
  const isEmpty = labelOf(partition) === EMPTY_LABEL
  return isEmpty ? `readers skip it: its label is ${EMPTY_LABEL}` : undefined
}

/** The root partition, or else the usr partition, with what protects it. */
function selectTree(typed: readonly Typed[]): SelectedPartitions | undefined {
  const first =
    typed.find(({ designator, role }) => designator === 'root' && role === 'data') ??
    typed.find(({ role }) => role === 'data')
  if (!first) return undefined
  const { designator, architecture } = first
  const find = (role: PartitionRole) => {
    const name = partitionTypeName({ designator, architecture, role })
    return newest(typed.filter((type) => partitionTypeName(type) === name))
  }
  const data = find('data')!
  const hash = find('hash')
  const signature = hash && find('signature')
  return { designator, architecture, data, hash, signature }
}

/** The first of those with the newest label: a later one replaces it only where it is newer. */
function newest(typed: readonly Typed[]): GptPartition | undefined {
  let best: GptPartition | undefined
  for (const { partition } of typed) {
    if (!best || compareVersions(labelOf(partition), labelOf(best)) > 0) best = partition
  }
  return best
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

/** What systemd has against these partitions beside each other, in the order in which it looks. */
function findObjection(
  partitions: readonly GptPartition[],
  typed: readonly Typed[],
  selected: SelectedPartitions | undefined,
): SelectionObjection | undefined {
  const has = (designator: Designator, role: PartitionRole) =>
    typed.some((type) => type.designator === designator && type.role === role)
  const refuse = (reason: string) => ({ certain: true, reason })
  const doubt = (reason: string) => ({ certain: false, reason })
  for (const designator of ['root', 'usr'] as const) {
    const [data, hash, signature] = (['data', 'hash', 'signature'] as const).map((role) =>
      has(designator, role),
    )
    if (!data && (hash || signature)) {
      return refuse(`EADDRNOTAVAIL: what protects a ${designator} partition, and no such partition`)
    }
    if (signature && !hash) return refuse('EADDRNOTAVAIL: a signature without a hash tree')
  }
  const both = has('root', 'data') && has('usr', 'data')
  if (has('root', 'hash') && has('usr', 'hash')) {
    return refuse('ENOTUNIQ: hash trees of root and usr')
  }
  if (both && has('root', 'hash')) {
    return refuse('EADDRNOTAVAIL: a usr partition beside a root partition with a hash tree')
  }
  if (!selected) return refuse('ENXIO: no root or usr partition, or several generic ones')
  const overlapped = findOverlap(partitions, selected)
  if (overlapped) return overlapped
  if (both) return doubt('a usr partition would be mounted over the root partition')
  const architectures = new Set(
    typed
      .filter(({ designator }) => designator === selected.designator)
      .map(({ architecture }) => architecture),
  )
  if (architectures.size > 1) {
    return doubt(`the machine chooses among ${[...architectures].join(' and ')}`)
  }
  return undefined
}

/** Whether an image with this partition may be another to a reader than the one without it. */
function mayBeMounted(
  { typeGuid }: GptPartition,
  selected: SelectedPartitions | undefined,
): boolean {
  if (findPartitionType(typeGuid)) return true
  return selected?.architecture === undefined && describePartitionType(typeGuid) === 'linux-generic'
}

/** Linux makes no device for a partition that shares sectors with an earlier one. */
function findOverlap(
  partitions: readonly GptPartition[],
  { data, hash, signature }: SelectedPartitions,
): SelectionObjection | undefined {
  const used = [data, hash, signature].filter((partition) => partition !== undefined)
  for (const one of used) {
    for (const other of partitions) {
      if (other === one || other.firstLba > one.lastLba || other.lastLba < one.firstLba) continue
      const reason = `ENOENT: partitions ${one.index + 1} and ${other.index + 1} overlap`
      return { certain: used.includes(other), reason }
    }
  }
  return undefined
}
