/** How a type of content is recognized. */

import { equalBytes } from '../../bytes/equal.ts'
import type { Region } from './region.ts'

/** Something libblkid has a name for. */
export interface ContentType {
  /** The name in libblkid, which is also that of the file system in Linux. */
  readonly name: string
  readonly usage: 'raid' | 'crypto' | 'filesystem' | 'other'
  /** Does not make the answer ambivalent where all others are tolerant too. */
  readonly tolerant?: true
  /** Not looked for in less than so many bytes. */
  readonly minimumSize?: number
  /** A promise only where bytes have to be read: nearly all types are not there. */
  find(region: Region): Match | undefined | Promise<Match | undefined>
}

export interface Match {
  /** Of the magic, in bytes from the start of the region. */
  readonly offset: number
  /** False where libblkid checks more than is checked here, or only some versions look there. */
  readonly certain: boolean
}

/** `perhaps` where the rest of what libblkid checks is not checked here. */
export type Judgement = boolean | 'perhaps'

/** Where bytes must be; an offset below 0 counts from the end. */
export interface Magic {
  readonly offset: number
  readonly bytes: Uint8Array
}

type Check = (region: Region, offset: number, magic: Magic) => Judgement | Promise<Judgement>

/** What `find` is for a type with magics: the first that is there counts, and `check` decides. */
export function byMagic(
  magics: readonly Magic[],
  check: Check = () => true,
): (region: Region) => ReturnType<ContentType['find']> {
  return (region) => {
    for (const [index, magic] of magics.entries()) {
      const offset = placeOf(magic, region)
      const held = region.held(offset, magic.bytes.length)
      if (!held) return byReading(region, magics.slice(index), check)
      if (equalBytes(held, magic.bytes)) return judge(region, offset, magic, check)
    }
    return undefined
  }
}

async function byReading(
  region: Region,
  magics: readonly Magic[],
  check: Check,
): Promise<Match | undefined> {
  for (const magic of magics) {
    const offset = placeOf(magic, region)
    const found = await region.bytes(offset, magic.bytes.length)
    if (found && equalBytes(found, magic.bytes)) return judge(region, offset, magic, check)
  }
  return undefined
}

async function judge(
  region: Region,
  offset: number,
  magic: Magic,
  check: Check,
): Promise<Match | undefined> {
  return toMatch(offset, await check(region, offset, magic))
}

function placeOf({ offset }: Magic, { size }: Region): number {
  return offset < 0 ? size + offset : offset
}

/** The match at `offset` as far as it is one. */
export function toMatch(offset: number, judgement: Judgement): Match | undefined {
  return judgement === false ? undefined : { offset, certain: judgement === true }
}

/** A magic from text, in which `\x..` is a byte. */
export function magic(offset: number, text: string): Magic {
  return { offset, bytes: latin1(text) }
}

/** One byte for each character up to U+00FF. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
