/**
 * What PCR 11 will hold: the sections that the stub measures, then the phases that userspace does.
 *
 * See systemd src/boot/stub.c and src/pcrextend/pcrextend.c.
 */

import { encodeUtf8 } from '../bytes/utf8.ts'
import { PolicyError } from '../errors.ts'
import { type MeasuredEvent, measureData, replayEvents } from '../formats/pcr-event.ts'
import { sectionExtent } from '../formats/pe/content.ts'
import type { PeSection } from '../formats/pe/decode.ts'
import { PCR_BANKS, type PcrBank } from '../formats/tpm2/pcr.ts'
import type { Uki } from '../formats/uki/decode.ts'
import type { Choice, UkiProfile } from '../formats/uki/profiles.ts'
import { KERNEL_BOOT_PCR, MEASURED_SECTIONS, type MeasuredName } from '../formats/uki/sections.ts'
import {
  type Digests,
  type HashOptions,
  hashContents,
  type MeasuredContent,
} from './hash-contents.ts'
import { DEFAULT_PHASES, phaseWords } from './phases.ts'

export interface MeasureOptions extends HashOptions {
  /** By default all four. */
  readonly banks?: readonly PcrBank[] | undefined
  /** Phase paths; by default those of a usual boot. */
  readonly phases?: readonly string[] | undefined
}

/** PCR 11 in one phase. */
export interface PhaseValues {
  /** `enter-initrd:leave-initrd`; empty where the kernel has just started. */
  readonly phase: string
  readonly values: ReadonlyMap<PcrBank, Uint8Array>
}

/** What the stub measures in one boot, and PCR 11 in each phase after it. */
export interface KernelMeasurement {
  readonly events: readonly MeasuredEvent[]
  readonly phases: readonly PhaseValues[]
}

/** The same for one profile of a UKI and one choice that a machine may make. */
export interface UkiMeasurement extends KernelMeasurement {
  readonly profile: UkiProfile
  readonly choices: readonly Choice[]
}

/**
 * PCR 11 for sections given one by one, as `systemd-measure` takes them. Empty ones count as absent.
 *
 * @throws FileError where something cannot be read.
 */
export async function measureSections(
  sections: ReadonlyMap<MeasuredName, MeasuredContent>,
  options: MeasureOptions = {},
): Promise<KernelMeasurement> {
  const present = MEASURED_SECTIONS.flatMap(({ name }) => {
    const content = sections.get(name)
    return content && content.size + content.zeros > 0 ? [{ name, content }] : []
  })
  const banks = options.banks ?? PCR_BANKS
  const contents = present.map(({ content }) => content)
  const digests = await hashContents(contents, banks, options)
  const events = present.flatMap(({ name }, index) => sectionEvents(name, digests[index]!, banks))
  return { events, phases: measurePhases(events, options) }
}

/**
 * PCR 11 for a whole UKI: each of its profiles, and in each every device tree and firmware that a
 * machine may choose, and none.
 *
 * @param options.profile only this profile
 * @throws PolicyError NO_PROFILE; FormatError where a section cannot be what it says it is;
 *   FileError where the file cannot be read.
 */
export async function measureUki(
  uki: Uki,
  options: MeasureOptions & { readonly profile?: number | undefined } = {},
): Promise<readonly UkiMeasurement[]> {
  const profiles = selectProfiles(uki, options.profile)
  const variants = profiles.flatMap((profile) =>
    profile.variants.map((variant) => ({ profile, ...variant })),
  )
  const banks = options.banks ?? PCR_BANKS
  // Profiles share most of their sections, and each is hashed once.
  const sections = [...new Set(variants.flatMap(({ sections }) => sections))]
  const contents = sections.map((section) => ({ source: uki.pe.source, ...sectionExtent(section) }))
  const digests = await hashContents(contents, banks, options)
  const digestsOf = (section: PeSection) => digests[sections.indexOf(section)]!
  return variants.map(({ profile, choices, sections }) => {
    const events = sections.flatMap((each) => sectionEvents(each.name, digestsOf(each), banks))
    return { profile, choices, events, phases: measurePhases(events, options) }
  })
}

/** What userspace measures to enter the phases of a path: each word without a NUL. */
export function phaseEvents(path: string, banks: readonly PcrBank[]): readonly MeasuredEvent[] {
  return phaseWords(path).map((word) => measureData(KERNEL_BOOT_PCR, word, encodeUtf8(word), banks))
}

function selectProfiles({ profiles }: Uki, wanted: number | undefined): readonly UkiProfile[] {
  if (wanted === undefined) return profiles
  const profile = profiles.find(({ number }) => number === wanted)
  if (profile) return [profile]
  const count = `${profiles.length} profile${profiles.length === 1 ? '' : 's'}`
  throw new PolicyError('NO_PROFILE', `no profile ${wanted}: there are ${count}, counted from 0`)
}

/** The name with a NUL behind it, then the content. */
function sectionEvents(
  name: string,
  digests: Digests,
  banks: readonly PcrBank[],
): readonly MeasuredEvent[] {
  return [
    measureData(KERNEL_BOOT_PCR, `${name} (name)`, encodeUtf8(`${name}\0`), banks),
    { pcr: KERNEL_BOOT_PCR, description: `${name} (content)`, digests },
  ]
}

/** PCR 11 in each phase after `events`. */
export function measurePhases(
  events: readonly MeasuredEvent[],
  { banks = PCR_BANKS, phases = DEFAULT_PHASES }: MeasureOptions,
): readonly PhaseValues[] {
  const kernel = new Map(banks.map((bank) => [bank, replayEvents(bank, KERNEL_BOOT_PCR, events)]))
  return phases.map((phase) => {
    const words = phaseEvents(phase, banks)
    const values = banks.map((bank) => {
      return [bank, replayEvents(bank, KERNEL_BOOT_PCR, words, kernel.get(bank)!)] as const
    })
    return { phase, values: new Map(values) }
  })
}
