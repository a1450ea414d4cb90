/** What is measured: a UKI, or its sections one by one. */

import type { PcrBank } from '../../formats/tpm2/pcr.ts'
import type { MeasuredName } from '../../formats/uki/sections.ts'
import {
  type KernelMeasurement,
  type MeasureOptions,
  measureSections,
  measureUki,
  type UkiMeasurement,
} from '../../policies/measure.ts'
import { type OpenContent, openContent } from '../../policies/open-content.ts'
import { openUkiFile, type UkiFile } from '../../policies/open-uki.ts'
import { normalizePhases } from '../../policies/phases.ts'
import type { ValuesOf } from '../arguments.ts'
import { blame, UsageError } from '../errors.ts'
import { integer } from '../types.ts'
import type { sectionOptions, stateOptions, ukiOptions } from './options.ts'

export type SectionValues = ValuesOf<typeof sectionOptions>
export type SubjectValues = SectionValues &
  ValuesOf<typeof ukiOptions> &
  ValuesOf<typeof stateOptions>

/** What came of measuring, and the UKI where there is one, which is open. */
export type Measured =
  | { readonly kind: 'sections'; readonly measurement: KernelMeasurement }
  | {
      readonly kind: 'uki'
      readonly uki: UkiFile
      readonly measurements: readonly UkiMeasurement[]
    }

/**
 * Measures what the options name, and hands it to `use`.
 *
 * @throws UsageError where they name nothing or too much.
 */
export async function withMeasured<Result>(
  values: SubjectValues,
  use: (measured: Measured) => Promise<Result>,
): Promise<Result> {
  const options = toMeasureOptions(values)
  const { uki: path, linux, profile, stubVersion } = values
  if (path === undefined) {
    if (stubVersion !== undefined) throw new UsageError('--stub-version is about a --uki')
    if (!linux) {
      throw new UsageError('neither --linux nor --uki is given: there is nothing to measure', {
        hint: '--uki takes a whole image, --linux and its like the sections of one',
      })
    }
    return use({ kind: 'sections', measurement: await measureFiles(values, options) })
  }
  const others = sectionFiles({ ...values, profile: undefined }).map(
    ({ name }) => `--${name.slice(1)}`,
  )
  if (others.length > 0) {
    throw new UsageError(`--uki and ${others.join(', ')} exclude each other`)
  }
  const number = profile ? parseProfile(profile) : undefined
  return withUki({ path, stubVersion }, async (uki) => {
    const measurements = await measureUki(uki, { ...options, profile: number }).catch(blame(path))
    return use({ kind: 'uki', uki, measurements })
  })
}

/** Opens a UKI for as long as `use` needs it. */
export async function withUki<Result>(
  { path, stubVersion }: { readonly path: string; readonly stubVersion: number | undefined },
  use: (uki: UkiFile) => Promise<Result>,
): Promise<Result> {
  const uki = await openUkiFile(path, { stubVersion }).catch(blame(path))
  try {
    return await use(uki)
  } finally {
    await uki.close()
  }
}

/** What is asked of banks and phases, in the order of systemd-measure. */
function toMeasureOptions({ phase, bank }: ValuesOf<typeof stateOptions>): MeasureOptions {
  return {
    banks: bank.length === 0 ? undefined : sortedBanks(bank),
    phases: phase.length === 0 ? undefined : normalizePhases(phase),
  }
}

export function sortedBanks(banks: readonly PcrBank[]): readonly PcrBank[] {
  return [...new Set(banks)].sort()
}

async function measureFiles(
  values: SectionValues,
  options: MeasureOptions,
): Promise<KernelMeasurement> {
  const contents = new Map<MeasuredName, OpenContent>()
  try {
    for (const { name, path } of sectionFiles(values)) contents.set(name, await openContent(path))
    return await measureSections(contents, options)
  } finally {
    for (const content of contents.values()) await content.close()
  }
}

/** The sections that files are given for. */
function sectionFiles(
  values: SectionValues,
): readonly { readonly name: MeasuredName; readonly path: string }[] {
  const { linux, osrel, cmdline, initrd, ucode, splash, dtb, dtbauto } = values
  const { uname, sbat, pcrpkey, profile, hwids, efifw } = values
  const files = {
    ...{ linux, osrel, cmdline, initrd, ucode, splash, dtb, dtbauto },
    ...{ uname, sbat, pcrpkey, profile, hwids, efifw },
  }
  return Object.entries(files).flatMap(([name, path]) =>
    path ? [{ name: `.${name}` as MeasuredName, path }] : [],
  )
}

function parseProfile(value: string): number {
  try {
    return integer('N', { to: 255 }).parse(value)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(`--profile: ${error.message}`, {
      hint: 'with --uki it is the number of a profile, counted from 0',
    })
  }
}
