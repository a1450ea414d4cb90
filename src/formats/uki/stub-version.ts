/**
 * The version of systemd-stub in a UKI, which decides what is measured at boot.
 *
 * See systemd src/boot/stub.c: the section `.sdmagic` holds `#### LoaderInfo: systemd-stub 257.4 ####`
 * and is there since 252. Distributions append to the version what they like.
 */

import { FormatError } from '../../errors.ts'
import { readSection } from '../pe/content.ts'
import type { PeFile } from '../pe/decode.ts'

/** What a boot program of systemd says of itself. */
export interface StubVersion {
  /** `systemd-stub` in a UKI, `systemd-addon` in an addon. */
  readonly program: string
  /** As written: `257.4-1`, `262~devel`. */
  readonly text: string
  /** The leading number. */
  readonly major: number
}

const SECTION = '.sdmagic'
const MAX_SIZE = 4096
const PATTERN = /^#### LoaderInfo: (\S+) ((\d{1,5})[^\n]*?) ####/

/**
 * Reads the version, or undefined where there is no `.sdmagic`.
 *
 * @throws FormatError where the section is not what systemd writes.
 */
export async function readStubVersion(pe: PeFile): Promise<StubVersion | undefined> {
  const section = pe.sections.find(({ name }) => name === SECTION)
  if (!section || section.virtualSize === 0) return undefined
  const text = new TextDecoder('latin1').decode(await readSection(pe, section, MAX_SIZE))
  const match = PATTERN.exec(text)
  if (match) return { program: match[1]!, text: match[2]!, major: Number(match[3]) }
  throw new FormatError('uki', 'BAD_VALUE', `${SECTION} does not name a program and its version`, {
    offset: section.rawOffset,
  })
}
