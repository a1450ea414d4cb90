/**
 * The profiles of a UKI: which sections count when one of them is booted.
 *
 * See systemd src/boot/pe.c. The section table is cut at each `.profile`; what is before the first
 * is the base, and a profile's own sections take the place of those of the same name.
 */

import { FormatError } from '../../errors.ts'
import type { PeFile, PeSection } from '../pe/decode.ts'
import {
  CHOSEN_BY_MACHINE,
  type ChosenName,
  MAX_PROFILES,
  MEASURED_SECTIONS,
  PROFILES_SINCE,
  SIGNATURE_SECTION,
} from './sections.ts'

/** What the machine chose: one of the candidates, or none of them. */
export interface Choice {
  readonly name: ChosenName
  readonly section: PeSection | undefined
}

/** One set of sections that may be measured. */
export interface UkiVariant {
  /** For each name of which there are candidates. */
  readonly choices: readonly Choice[]
  /** What is measured, in that order; none of them is empty. */
  readonly sections: readonly PeSection[]
}

export interface UkiProfile {
  /** Counted from 0. */
  readonly number: number
  /** Its `.profile`; absent in a UKI without profiles. */
  readonly profileSection: PeSection | undefined
  /** Its own sections and those of the base that they do not replace, the first of each name. */
  readonly sections: ReadonlyMap<string, PeSection>
  /** `.pcrsig` as the stub finds it: the profile's own, else that of the base. */
  readonly signatureSection: PeSection | undefined
  /** Every set that a machine may choose; where nothing is chosen there is one. */
  readonly variants: readonly UkiVariant[]
}

/** More candidates than any image has; each is hashed. */
const MAX_VARIANTS = 1024

/**
 * Cuts the section table of a UKI into profiles, as a stub of version `stub` does.
 *
 * @throws FormatError where that stub knows no profiles but there are some, or takes another
 *   section of a name than later ones do; and where there is too much of anything.
 */
export function splitProfiles(pe: PeFile, stub: number): readonly UkiProfile[] {
  const regions = cutRegions(pe.sections)
  const [base = [], ...own] = regions
  const first = own[0]?.[0]
  if (first && stub < PROFILES_SINCE) {
    const found = `.profile in a UKI whose stub, systemd ${stub}, knows no profiles`
    throw new FormatError('uki', 'UNSUPPORTED', found, { offset: first.headerOffset })
  }
  if (own.length > MAX_PROFILES) {
    throw new FormatError('uki', 'TOO_LARGE', `${own.length} profiles, at most ${MAX_PROFILES}`)
  }
  // Since it knows profiles, the first section of a name counts. Before, it was the last one, and a
  // longer name that began the same counted too.
  if (stub < PROFILES_SINCE) assertUnique(base, stub)
  if (own.length === 0) return [makeProfile(0, base, [], stub)]
  return own.map((sections, number) => makeProfile(number, base, sections, stub))
}

/** The base, and one list for each profile that starts with its `.profile`. */
function cutRegions(sections: readonly PeSection[]): PeSection[][] {
  const regions: PeSection[][] = [[]]
  for (const section of sections) {
    if (section.name === '.profile') regions.push([])
    regions.at(-1)!.push(section)
  }
  return regions
}

function assertUnique(region: readonly PeSection[], stub: number): void {
  const known: readonly string[] = [...MEASURED_SECTIONS.map(({ name }) => name), SIGNATURE_SECTION]
  const seen = new Set<string>()
  for (const { name, headerOffset } of region) {
    if (!known.includes(name) || isChosen(name)) continue
    if (seen.has(name)) {
      throw new FormatError(
        'uki',
        'BAD_VALUE',
        `two sections ${name}, of which its stub, systemd ${stub}, would take either`,
        {
          offset: headerOffset,
        },
      )
    }
    seen.add(name)
  }
}

function makeProfile(
  number: number,
  base: readonly PeSection[],
  own: readonly PeSection[],
  stub: number,
): UkiProfile {
  const sections = new Map<string, PeSection>()
  for (const section of [...own, ...base]) {
    if (!isChosen(section.name) && !sections.has(section.name)) {
      sections.set(section.name, section)
    }
  }
  const candidates = [...own, ...base].filter(
    ({ name, virtualSize }) => isChosen(name) && virtualSize > 0,
  )
  return {
    number,
    profileSection: sections.get('.profile'),
    sections,
    signatureSection: sections.get(SIGNATURE_SECTION),
    variants: combine(candidates, stub).map((choices) => ({
      choices,
      sections: measuredSections(sections, choices, stub),
    })),
  }
}

/** Every combination of one candidate or none for each name. */
function combine(candidates: readonly PeSection[], stub: number): readonly (readonly Choice[])[] {
  let combinations: readonly (readonly Choice[])[] = [[]]
  for (const { name, since } of MEASURED_SECTIONS) {
    const sections = candidates.filter((section) => section.name === name)
    if (!isChosen(name) || sections.length === 0 || stub < since) continue
    const choices = [...sections, undefined].map((section) => ({ name, section }))
    if (combinations.length * choices.length > MAX_VARIANTS) {
      const found = `more than ${MAX_VARIANTS} combinations of ${CHOSEN_BY_MACHINE.join(' and ')}`
      throw new FormatError('uki', 'TOO_LARGE', found)
    }
    combinations = combinations.flatMap((chosen) => choices.map((choice) => [...chosen, choice]))
  }
  return combinations
}

/** An empty section hides that of the base and is not measured itself. */
function measuredSections(
  sections: ReadonlyMap<string, PeSection>,
  choices: readonly Choice[],
  stub: number,
): readonly PeSection[] {
  return MEASURED_SECTIONS.flatMap(({ name, since }) => {
    if (stub < since) return []
    const section = isChosen(name)
      ? choices.find((choice) => choice.name === name)?.section
      : sections.get(name)
    return section && section.virtualSize > 0 ? [section] : []
  })
}

function isChosen(name: string): name is ChosenName {
  return CHOSEN_BY_MACHINE.some((chosen) => chosen === name)
}
