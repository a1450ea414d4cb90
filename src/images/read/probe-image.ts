/**
 * What libblkid takes the parts of an image for, and whether systemd can take it for anything else
 * than what is read here.
 *
 * systemd looks three times: at the whole file, where a file system wins over the partition table;
 * at the partition; and at what it mounts, which ends where the hash tree ends.
 */

import { cachedSource } from '../../bytes/cached-source.ts'
import { type Source, sliceSource } from '../../bytes/source.ts'
import { type FoundType, type Probe, probe } from '../../formats/probe/index.ts'
import type { VeritySuperblock } from '../../formats/verity/superblock.ts'

export interface ImageProbes {
  /** Undefined for a bare file system. */
  readonly whole: Probe | undefined
  readonly partition: Probe
  readonly mounted: Probe
}

/** Something because of which systemd does not, or may not, mount what is read here. */
export interface Disguise {
  readonly place: 'whole' | 'partition' | 'mounted'
  /** What libblkid finds. */
  readonly found: string
  /** Bytes in the file. */
  readonly offset: number
  /** False where it is up to what libblkid checks besides. */
  readonly certain: boolean
  /** The type that systemd mounts instead; undefined where it mounts nothing. */
  readonly mounts: string | undefined
}

/** Where the parts are. */
export interface Regions {
  readonly file: Source
  /** The partition, or the file where it has no table. Bytes in the file. */
  readonly data: { readonly offset: number; readonly size: number }
  readonly hasTable: boolean
  readonly hasHashTree: boolean
  readonly superblock: VeritySuperblock | undefined
}

export async function probeImage(regions: Regions): Promise<ImageProbes> {
  const { data, hasTable, hasHashTree, superblock } = regions
  const file = cachedSource(regions.file)
  const covered = superblock ? superblock.dataBlocks * superblock.dataBlockSize : data.size
  const partition = await probe(sliceSource(file, data.offset, data.size), !hasTable)
  const mounted = sliceSource(file, data.offset, Math.min(covered, data.size))
  return {
    whole: hasTable ? await probe(file, true) : undefined,
    partition,
    mounted: hasHashTree ? await probe(mounted, true) : partition,
  }
}

/** The first that there is. */
export function findDisguise(probes: ImageProbes, dataOffset: number): Disguise | undefined {
  const { whole, partition, mounted } = probes
  const candidates = [
    whole && disguiseOfImage(whole),
    disguiseOfPartition(partition, dataOffset),
    disguiseOfMounted(mounted, dataOffset),
  ].filter((disguise) => disguise !== undefined)
  return candidates.find(({ certain }) => certain) ?? candidates[0]
}

/** The name of the file system that systemd mounts, where it is only one. */
export function mountedType({ mounted }: ImageProbes): string | undefined {
  const { types, verdict } = mounted
  return types.length === 1 && verdict.kind === 'type' ? verdict.type.name : undefined
}

/** What lies outside of a file system that is a device of another kind does not hide the table. */
function disguiseOfImage({ types, verdict, certain }: Probe): Disguise | undefined {
  const [first] = types.filter(({ usage }) => usage !== 'other')
  const other = verdict.kind === 'ambivalent' ? types[0] : first
  if (!other) return undefined
  return {
    place: 'whole',
    mounts: verdict.kind === 'type' && other.usage !== 'raid' ? verdict.type.name : undefined,
    found: `${name(types)} in the whole file: systemd does not use the partition table`,
    offset: other.offset,
    certain: certain && verdict.kind !== 'nothing',
  }
}

function disguiseOfPartition(
  { types, verdict, certain }: Probe,
  dataOffset: number,
): Disguise | undefined {
  const isEncrypted = verdict.kind === 'type' && verdict.type.name === 'crypto_LUKS'
  if (verdict.kind !== 'ambivalent' && !isEncrypted) return undefined
  const result = isEncrypted ? 'systemd takes it for encrypted' : 'systemd takes it for neither'
  return {
    place: 'partition',
    mounts: undefined,
    found: `${name(types)}: ${result}`,
    offset: dataOffset + types[0]!.offset,
    certain,
  }
}

function disguiseOfMounted(
  { types, verdict, certain }: Probe,
  dataOffset: number,
): Disguise | undefined {
  const [first, second] = types
  if (!first || (!second && first.certain)) return undefined
  const result = verdict.kind === 'type' ? `systemd takes it for ${verdict.type.name}` : undefined
  return {
    place: 'mounted',
    mounts: verdict.kind === 'type' ? verdict.type.name : undefined,
    found: `${name(types)}: ${result ?? 'systemd takes it for neither'}`,
    offset: dataOffset + first.offset,
    certain,
  }
}

function name(types: readonly FoundType[]): string {
  return types.map((type) => `${type.certain ? '' : 'perhaps '}${type.name}`).join(' and ')
}
