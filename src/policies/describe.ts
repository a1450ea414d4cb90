/** Boots of a UKI by what tells them apart. */

import type { Uki } from '../formats/uki/decode.ts'
import type { UkiMeasurement } from './measure.ts'

/** What tells a boot of an image from its other boots. */
export type Boot = Pick<UkiMeasurement, 'profile' | 'choices'>

/** `profile`, `dtbauto` and `efifw` as numbers from 0, null for none; only where there is a choice. */
export function bootLabels(
  uki: Uki,
  { profile, choices }: Boot,
): Readonly<Record<string, number | null>> {
  return {
    ...(profile.profileSection && { profile: profile.number }),
    ...Object.fromEntries(
      choices.map(({ name, section }) => {
        const candidates = uki.pe.sections.filter((each) => each.name === name)
        return [name.slice(1), section ? candidates.indexOf(section) : null]
      }),
    ),
  }
}

/** `profile 1, dtbauto 0, efifw none`; `the image` where there is no choice. */
export function describeBoot(uki: Uki, boot: Boot): string {
  const labels = Object.entries(bootLabels(uki, boot))
  if (labels.length === 0) return 'the image'
  return labels.map(([name, number]) => `${name} ${number ?? 'none'}`).join(', ')
}
