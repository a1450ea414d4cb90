/**
 * Unified kernel images: PE files with a stub of systemd, and the sections it looks for.
 *
 * See https://uapi-group.org/specifications/specs/unified_kernel_image/ and systemd-stub(7).
 */

import { FormatError } from '../../errors.ts'
import type { PeFile, PeSection } from '../pe/decode.ts'
import { SUBSYSTEM_EFI_APPLICATION } from '../pe/layout.ts'
import { splitProfiles, type UkiProfile } from './profiles.ts'
import { readStubVersion, type StubVersion } from './stub-version.ts'

export interface Uki {
  readonly pe: PeFile
  /** What the image says of its stub; absent where it says nothing and a version was given. */
  readonly stub: StubVersion | undefined
  /** The version whose rules apply. */
  readonly stubMajor: number
  /** At least one: without any `.profile` there is profile 0. */
  readonly profiles: readonly UkiProfile[]
}

export interface UkiOptions {
  /** Version of the stub where the image does not say it, or says it wrong. */
  readonly stubVersion?: number | undefined
}

/** The first stub that measures into PCR 11. */
const MIN_STUB = 252

const ADDON_SECTIONS = ['.cmdline', '.dtb', '.dtbauto', '.initrd', '.ucode', '.uname', '.sbat']

/** Whether it is what boot loaders take for a UKI. */
export function isUki(pe: PeFile): boolean {
  return isEfiApplication(pe) && has(pe, '.osrel') && has(pe, '.linux')
}

/** Whether it is an addon: no kernel, but something that goes with one. */
export function isAddon(pe: PeFile): boolean {
  return isEfiApplication(pe) && !has(pe, '.linux') && ADDON_SECTIONS.some((name) => has(pe, name))
}

/**
 * Finds stub and profiles of a UKI.
 *
 * @throws FormatError where it is none, its stub has no version or one that measures nothing, or
 *   its sections cannot be told apart.
 */
export async function openUki(pe: PeFile, options: UkiOptions = {}): Promise<Uki> {
  if (!isUki(pe)) throw notAUki(pe)
  const stub = await readStubVersion(pe)
  const stubMajor = options.stubVersion ?? stub?.major
  if (stubMajor === undefined) {
    throw new FormatError('uki', 'UNSUPPORTED', 'no .sdmagic says which version its stub has', {
      hint: 'what is measured depends on it; give it with --stub-version',
    })
  }
  if (stubMajor < MIN_STUB) {
    const found = `its stub is of systemd ${stubMajor}`
    throw new FormatError('uki', 'UNSUPPORTED', `${found}, PCR 11 is measured since ${MIN_STUB}`)
  }
  const profiles = splitProfiles(pe, stubMajor)
  assertApart(profiles.flatMap(({ variants }) => variants.flatMap(({ sections }) => sections)))
  return { pe, stub, stubMajor, profiles }
}

function isEfiApplication({ subsystem }: PeFile): boolean {
  return subsystem === SUBSYSTEM_EFI_APPLICATION
}

function has({ sections }: PeFile, wanted: string): boolean {
  return sections.some(({ name }) => name === wanted)
}

function notAUki(pe: PeFile): FormatError {
  if (!isEfiApplication(pe)) {
    const found = `subsystem ${pe.subsystem}, UEFI starts programs of ${SUBSYSTEM_EFI_APPLICATION}`
    return new FormatError('uki', 'BAD_VALUE', found)
  }
  const missing = ['.linux', '.osrel'].filter((name) => !has(pe, name)).join(' and ')
  const what = isAddon(pe) ? 'it is an addon' : 'it is another EFI program'
  return new FormatError('uki', 'BAD_MAGIC', `no section ${missing}: ${what}`)
}

/** What is measured is what memory holds, and there two sections must not be in one place. */
function assertApart(measured: readonly PeSection[]): void {
  const sections = [...new Set(measured)].sort((a, b) => a.virtualAddress - b.virtualAddress)
  let end = 0
  for (const { name, virtualAddress, virtualSize, headerOffset } of sections) {
    if (virtualAddress < end) {
      const found = `section ${name} shares memory with another one`
      throw new FormatError('uki', 'OUT_OF_RANGE', found, { offset: headerOffset })
    }
    end = virtualAddress + virtualSize
  }
}
