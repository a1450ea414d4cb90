/**
 * Partition types of discoverable images: GUID to meaning, meaning to GUID, and the names that
 * systemd gives them.
 *
 * See UAPI.2, https://uapi-group.org/specifications/specs/discoverable_partitions_specification/
 */

import { ROOT_TYPES, USR_TYPES } from './partition-type-table.ts'

/** Which tree a partition belongs to. */
export type Designator = 'root' | 'usr'

/** What a partition of a verity-protected tree holds. */
export type PartitionRole = 'data' | 'hash' | 'signature'

/** What the type GUID of a root or usr partition says. */
export interface PartitionType {
  readonly designator: Designator
  readonly role: PartitionRole
  /** systemd architecture name, for example `x86-64`. */
  readonly architecture: string
}

const TABLES = { root: ROOT_TYPES, usr: USR_TYPES } as const
const ROLES = ['data', 'hash', 'signature'] as const
const SUFFIXES = { data: '', hash: '-verity', signature: '-verity-sig' } as const

/** Spellings systemd reads in type names and never writes. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['aarch64', 'arm64'],
  ['amd64', 'x86-64'],
  ['x86_64', 'x86-64'],
  ['armv7l', 'arm'],
  ['i386', 'x86'],
  ['i486', 'x86'],
  ['i586', 'x86'],
  ['i686', 'x86'],
  ['ppc64le', 'ppc64-le'],
  ['ppc64el', 'ppc64-le'],
  ['loong64', 'loongarch64'],
  ['mipsel', 'mips-le'],
  ['mips64el', 'mips64-le'],
  ['hppa', 'parisc'],
])

/** Types without architecture that turn up in disk images. */
const OTHER_TYPES: ReadonlyMap<string, string> = new Map([
  ['0fc63daf-8483-4772-8e79-3d69d8477de4', 'linux-generic'],
  ['c12a7328-f81f-11d2-ba4b-00a0c93ec93b', 'esp'],
  ['bc13c2ff-59e6-4262-a352-b275fd6f7172', 'xbootldr'],
  ['0657fd6d-a4ab-43c4-84e5-0933c84b4f4f', 'swap'],
  ['933ac7e1-2eb4-4f13-b844-0e14e2aef915', 'home'],
  ['3b8f8425-20e0-4f3b-907f-1a25a76f98e8', 'srv'],
  ['4d21b016-b534-45c2-a9fb-5c16e091fd2d', 'var'],
  ['7ec6f557-3bc5-4aca-b293-16ef5df639d1', 'tmp'],
])

const BY_GUID: ReadonlyMap<string, PartitionType> = new Map(
  (['root', 'usr'] as const).flatMap((designator) =>
    Object.entries(TABLES[designator]).flatMap(([architecture, guids]) =>
      ROLES.map((role, index) => [guids[index]!, { designator, role, architecture }] as const),
    ),
  ),
)

/** The architectures that have partition types, as systemd spells them. */
export const partitionArchitectures: readonly string[] = Object.keys(ROOT_TYPES)

/** Type GUID (lower case), or undefined where `architecture` has no partition types. */
export function partitionTypeGuid(type: PartitionType): string | undefined {
  const { designator, role, architecture } = type
  if (!partitionArchitectures.includes(architecture)) return undefined
  return TABLES[designator][architecture]?.[ROLES.indexOf(role)]
}

/** What a type GUID in either case means, or undefined where it is no root or usr partition. */
export function findPartitionType(guid: string): PartitionType | undefined {
  return BY_GUID.get(guid.toLowerCase())
}

/** The name systemd gives the type, which is also the label it writes: `root-x86-64-verity-sig`. */
export function partitionTypeName(type: PartitionType): string {
  return `${type.designator}-${type.architecture}${SUFFIXES[type.role]}`
}

/** The type of a name such as `root-x86-64-verity` or `usr-aarch64`, or undefined for any other. */
export function parsePartitionTypeName(name: string): PartitionType | undefined {
  const match = /^(root|usr)-(.+?)(-verity|-verity-sig)?$/.exec(name)
  if (!match) return undefined
  const designator = match[1] === 'usr' ? 'usr' : 'root'
  const architecture = canonicalArchitecture(match[2]!)
  const role = ROLES.find((candidate) => SUFFIXES[candidate] === (match[3] ?? ''))
  if (architecture === undefined || role === undefined) return undefined
  return { designator, role, architecture }
}

/** systemd's spelling of an architecture name or alias that has partition types. */
export function canonicalArchitecture(name: string): string | undefined {
  const canonical = ALIASES.get(name) ?? name
  return partitionArchitectures.includes(canonical) ? canonical : undefined
}

/** A readable name for any type GUID: `root-x86-64`, `esp`, or the GUID itself. */
export function describePartitionType(guid: string): string {
  const type = findPartitionType(guid)
  return type ? partitionTypeName(type) : (OTHER_TYPES.get(guid.toLowerCase()) ?? guid)
}
