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
  find(region: Region): Promise<Match | undefined>
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

/** What `find` is for a type with magics: the first that is there counts, and `check` decides. */
export function byMagic(
  magics: readonly Magic[],
  check: (region: Region, offset: number, magic: Magic) => Judgement | Promise<Judgement> = () =>
    true,
): ContentType['find'] {
  return async (region) => {
    for (const magic of magics) {
      const offset = magic.offset < 0 ? region.size + magic.offset : magic.offset
      const found = await region.bytes(offset, magic.bytes.length)
      if (!found || !equalBytes(found, magic.bytes)) continue
      return toMatch(offset, await check(region, offset, magic))
    }
    return undefined
  }
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
