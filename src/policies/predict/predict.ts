/**
 * What PCRs 11, 12 and 13 will hold when a UKI has booted, and what will have been measured: from the
 * UKI, the files beside it on the ESP, and what the boot loader passes.
 *
 * See systemd src/boot/boot.c, src/boot/stub.c and src/pcrextend/pcrextend.c.
 */

import { encodeUtf8 } from '../../bytes/utf8.ts'
import { PolicyError } from '../../errors.ts'
import { type MeasuredEvent, measureData, replayEvents } from '../../formats/pcr-event.ts'
import { PCR_BANKS, type PcrBank } from '../../formats/tpm2/pcr.ts'
import { measureUki, phaseEvents, type UkiMeasurement } from '../measure.ts'
import { openUkiFile, type UkiFile } from '../open-uki.ts'
import { DEFAULT_PHASES, phaseWords } from '../phases.ts'
import { type BesideOptions, measureBeside } from './beside.ts'
import { Pcr } from './draft.ts'
import type { PredictedEvent, PredictedState, Prediction } from './prediction.ts'
import { OS_SEPARATOR_SINCE } from './stub-rules.ts'
import { UNPREDICTABLE_PCRS } from './unpredictable.ts'

export interface PredictOptions extends BesideOptions {
  /** Default 0. */
  readonly profile?: number | undefined
  /** Version of systemd in the initrd; asked for where a state is in it or after it. */
  readonly initrdVersion?: number | undefined
  /** Version of the stub, where the UKI does not say it. */
  readonly stubVersion?: number | undefined
  /** Which of the choices that a UKI leaves to the machine, counted from 0. */
  readonly variant?: number | undefined
  /** By default all four. */
  readonly banks?: readonly PcrBank[] | undefined
  /** Phase paths; by default the start of the kernel and, with `initrdVersion`, a usual boot. */
  readonly phases?: readonly string[] | undefined
}

/**
 * Predicts the PCRs of one boot.
 *
 * @throws PolicyError INPUT_NEEDED where the answer depends on what was not said, UNPREDICTABLE
 *   where nobody can know it, BAD_OPTION, BAD_PATH, NO_PROFILE; FileError; FormatError.
 */
export async function predictPcrs(options: PredictOptions): Promise<Prediction> {
  const uki = await openUkiFile(options.uki, { stubVersion: options.stubVersion })
  try {
    return await predict(uki, options)
  } finally {
    await uki.close()
  }
}

async function predict(uki: UkiFile, options: PredictOptions): Promise<Prediction> {
  const { banks = PCR_BANKS, profile = 0 } = options
  const phases = choosePhases(options)
  const kernel = chooseVariant(await measureUki(uki, { banks, phases, profile }), options.variant)
  const beside = await measureBeside(uki, kernel.profile, options, banks)
  const events = [
    ...beside.before,
    ...explained(kernel.events, 'systemd-stub', 'a section of the UKI', [options.uki]),
    ...beside.after,
  ]
  return {
    uki: options.uki,
    ukiPath: beside.ukiPath,
    stubVersion: uki.stubMajor,
    profile,
    choices: kernel.choices,
    banks,
    events,
    states: phases.map((phase) => {
      const later = userspaceEvents(phase, options.initrdVersion, banks)
      return predictState(phase, events, later, banks)
    }),
    loadedAddons: beside.loadedAddons,
    skipped: beside.skipped,
    conditions: beside.conditions,
    unpredictable: UNPREDICTABLE_PCRS,
  }
}

/** Each path once, without empty words. */
function choosePhases({ phases, initrdVersion }: PredictOptions): readonly string[] {
  if (phases === undefined) return initrdVersion === undefined ? [''] : ['', ...DEFAULT_PHASES]
  const paths = phases.map((path) => phaseWords(path).join(':'))
  const unknown = initrdVersion === undefined && paths.find(entersInitrd)
  if (!unknown) return [...new Set(paths)]
  throw new PolicyError('INPUT_NEEDED', `phase ${unknown}: what the initrd measures is not known`, {
    hint: `since systemd ${OS_SEPARATOR_SINCE} it adds to PCRs 12 and 13: give its version with --initrd-version`,
  })
}

function entersInitrd(phase: string): boolean {
  return phaseWords(phase)[0] === 'enter-initrd'
}

function chooseVariant(
  variants: readonly UkiMeasurement[],
  wanted: number | undefined,
): UkiMeasurement {
  const chosen = variants[wanted ?? (variants.length === 1 ? 0 : -1)]
  if (chosen !== undefined) return chosen
  const list = variants.map(({ choices }, index) => `${index}: ${describeChoices(choices)}`)
  if (wanted !== undefined) {
    throw new PolicyError('BAD_OPTION', `no variant ${wanted}: there are ${list.join('; ')}`)
  }
  throw new PolicyError('INPUT_NEEDED', `the machine chooses one of ${list.join('; ')}`, {
    hint: 'say with --variant which one it will be',
  })
}

/** What a machine chooses, for people: `.dtbauto at byte 4096, no .efifw`. */
export function describeChoices(choices: UkiMeasurement['choices']): string {
  const described = choices.map(({ name, section }) => {
    return section ? `${name} at byte ${section.rawOffset}` : `no ${name}`
  })
  return described.join(', ') || 'nothing is left to choose'
}

/** What userspace measures on the way to a phase. */
function userspaceEvents(
  phase: string,
  initrdVersion: number | undefined,
  banks: readonly PcrBank[],
): readonly PredictedEvent[] {
  const separates = entersInitrd(phase) && (initrdVersion ?? 0) >= OS_SEPARATOR_SINCE
  const separators = (separates ? [Pcr.kernelConfig, Pcr.sysexts] : []).map((pcr) =>
    measureData(pcr, 'os-separator', encodeUtf8('os-separator'), banks),
  )
  const why = 'the initrd parts what boot loaders measure from what the system does'
  return [
    ...explained(separators, 'userspace', why, []),
    ...explained(phaseEvents(phase, banks), 'userspace', 'the boot gets to this phase', []),
  ]
}

function explained(
  events: readonly MeasuredEvent[],
  by: PredictedEvent['by'],
  reason: string,
  files: readonly string[],
): readonly PredictedEvent[] {
  return events.map(({ pcr, description, digests: hashed }) => {
    const digests = new Map(PCR_BANKS.flatMap((bank) => bankOf(hashed, bank)))
    return { pcr, by, description, reason, files, digests }
  })
}

/** In the order of the banks, whatever order they were hashed in. */
function bankOf(digests: MeasuredEvent['digests'], bank: PcrBank) {
  const digest = digests.get(bank)
  return digest ? [[bank, digest] as const] : []
}

function predictState(
  phase: string,
  before: readonly PredictedEvent[],
  events: readonly PredictedEvent[],
  banks: readonly PcrBank[],
): PredictedState {
  const all = [...before, ...events]
  const copy = all.some(({ pcr }) => pcr === Pcr.kernelConfigCopy) ? [Pcr.kernelConfigCopy] : []
  const pcrs = [...copy, Pcr.kernelBoot, Pcr.kernelConfig, Pcr.sysexts]
  const valuesOf = (bank: PcrBank) =>
    new Map(pcrs.map((pcr) => [pcr, replayEvents(bank, pcr, all)] as const))
  return { phase, events, pcrs: new Map(banks.map((bank) => [bank, valuesOf(bank)] as const)) }
}
