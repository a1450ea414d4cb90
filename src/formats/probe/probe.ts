/**
 * What libblkid takes bytes for: that is how systemd chooses the file system it mounts.
 *
 * An EROFS superblock at its place is not enough. Of several types libblkid takes the first where
 * the bytes are few, and none where they are more. See util-linux
 * libblkid/src/superblocks/superblocks.c and systemd src/shared/dissect-image.c.
 */

import type { Source } from '../../bytes/source.ts'
import type { ContentType } from './content-type.ts'
import { type Region, regionOf } from './region.ts'
import { TYPES } from './types.ts'

/** A type that was found. */
export interface FoundType {
  readonly name: string
  readonly usage: ContentType['usage']
  /** Of its magic, in bytes from the start of what was looked at. */
  readonly offset: number
  /** False where it is up to more than was looked at whether libblkid takes it for one. */
  readonly certain: boolean
}

/** What libblkid says. */
export type ProbeVerdict =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'type'; readonly type: FoundType }
  | { readonly kind: 'ambivalent' }

/** What was found, and what comes of it. */
export interface Probe {
  /** In the order of libblkid. */
  readonly types: readonly FoundType[]
  readonly verdict: ProbeVerdict
  /** Whether libblkid says so whatever it makes of the types that are not certain. */
  readonly certain: boolean
}

const TOLERANT = new Set(TYPES.flatMap(({ name, tolerant }) => (tolerant ? [name] : [])))

/** In no more bytes than a floppy disk has, the first type counts. */
const TINY = 1440 * 1024
/** libblkid ignores what is not larger. */
const SMALLEST = 1024

/**
 * Looks for every type that libblkid knows, in many small reads: a source that remembers serves best.
 *
 * @param wholeDisk Whether the bytes are those of a file or a whole device, and not of a partition.
 */
export async function probe(source: Source, wholeDisk: boolean): Promise<Probe> {
  const types = source.size > SMALLEST ? await findTypes(await regionOf(source, wholeDisk)) : []
  const isTiny = source.size <= TINY
  const verdict = decide(types, isTiny)
  const without = decide(
    types.filter(({ certain }) => certain),
    isTiny,
  )
  return { types, verdict, certain: isSame(verdict, without) }
}

async function findTypes(region: Region): Promise<FoundType[]> {
  const types: FoundType[] = []
  for (const { name, usage, minimumSize = 0, find } of TYPES) {
    if (region.size < minimumSize) continue
    if (usage === 'raid' && region.size <= TINY) continue
    const found = find(region)
    const match = found instanceof Promise ? await found : found
    if (match) types.push({ name, usage, ...match })
  }
  return types
}

function decide(types: readonly FoundType[], isTiny: boolean): ProbeVerdict {
  const [first] = types
  if (!first) return { kind: 'nothing' }
  // An array or an encrypted device ends the search, and is not counted itself.
  const end = types.findIndex(({ usage }) => usage === 'raid' || usage === 'crypto')
  const seen = end < 0 ? types.length : end + 1
  const counted = end < 0 ? types : types.slice(0, end)
  const isAmbivalent = seen > 1 && counted.some(({ name }) => !TOLERANT.has(name))
  return isAmbivalent && !isTiny ? { kind: 'ambivalent' } : { kind: 'type', type: first }
}

function isSame(a: ProbeVerdict, b: ProbeVerdict): boolean {
  if (a.kind === 'type' && b.kind === 'type') return a.type.name === b.type.name
  return a.kind === b.kind
}
