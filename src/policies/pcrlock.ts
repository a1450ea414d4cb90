/**
 * What systemd-pcrlock has to know of a UKI and of the files beside it, so that it can tell them in
 * the event log and count on them at the next boot.
 *
 * See systemd.pcrlock(5) for the numbers. Every profile is a variant: any of them may match.
 */

import { basename } from 'node:path'
import { openFileSource } from '../files/file-source.ts'
import type { MeasuredEvent } from '../formats/pcr-event.ts'
import { formatPcrlock } from '../formats/pcrlock.ts'
import { authenticodeDigest } from '../formats/pe/authenticode.ts'
import { openPe, type PeFile } from '../formats/pe/decode.ts'
import { PCR_BANKS, type PcrBank } from '../formats/tpm2/pcr.ts'
import type { Uki } from '../formats/uki/decode.ts'
import type { UkiProfile } from '../formats/uki/profiles.ts'
import { measureUki } from './measure.ts'
import { openUkiFile } from './open-uki.ts'
import { type BesideOptions, measureBeside } from './predict/beside.ts'

/** A file for one of systemd-pcrlock's folders. */
export interface PcrlockFile {
  /** Path below the folder: `650-uki.pcrlock.d/linux-profile0.pcrlock`. */
  readonly path: string
  readonly text: string
  /** What was measured, one record each. */
  readonly events: readonly MeasuredEvent[]
}

export interface PcrlockOptions extends Omit<BesideOptions, 'esp'> {
  /** The files beside a UKI are known only where the ESP is. */
  readonly esp?: string | undefined
  /** By default every profile that there is. */
  readonly profile?: number | undefined
  /** Version of the stub, where the UKI does not say it. */
  readonly stubVersion?: number | undefined
  /** By default all four. */
  readonly banks?: readonly PcrBank[] | undefined
}

const UKI_COMPONENT = '650-uki.pcrlock.d'
const FILES_COMPONENT = '655-uki-files.pcrlock.d'
/** Programs that firmware starts. */
const BOOT_LOADER_CODE_PCR = 4

/**
 * The variants of a UKI for each of its profiles, or for the one of `profile`, and with an ESP those of
 * the files beside it.
 *
 * @throws PolicyError, FileError, FormatError as `predictPcrs`.
 */
export async function pcrlockFiles(options: PcrlockOptions): Promise<readonly PcrlockFile[]> {
  const { banks = PCR_BANKS, stubVersion, profile, esp } = options
  const uki = await openUkiFile(options.uki, { stubVersion })
  try {
    const program = await measureProgram(uki.pe, basename(options.uki), banks)
    const measured = await measureUki(uki, { banks, phases: [], profile })
    const files: PcrlockFile[] = []
    for (const each of new Set(measured.map(({ profile }) => profile))) {
      const variants = measured.filter(({ profile }) => profile === each)
      for (const [index, { events }] of variants.entries()) {
        const name = `${imageName(options.uki)}-profile${each.number}`
        const path = variants.length === 1 ? name : `${name}-variant${index}`
        files.push(makeFile(UKI_COMPONENT, path, [program, ...events]))
      }
      if (esp !== undefined) files.push(await filesBeside(uki, each, { ...options, esp }, banks))
    }
    return files
  } finally {
    await uki.close()
  }
}

/** What is measured beside the sections of the UKI, after the addons that firmware loads for it. */
async function filesBeside(
  uki: Uki,
  profile: UkiProfile,
  options: PcrlockOptions & { readonly esp: string },
  banks: readonly PcrBank[],
): Promise<PcrlockFile> {
  const { before, after, loadedAddons } = await measureBeside(uki, profile, options, banks)
  const addons: MeasuredEvent[] = []
  for (const path of loadedAddons) addons.push(await measureAddon(path, banks))
  const name = `${imageName(options.uki)}-profile${profile.number}`
  return makeFile(FILES_COMPONENT, name, [...addons, ...before, ...after])
}

async function measureAddon(path: string, banks: readonly PcrBank[]): Promise<MeasuredEvent> {
  const source = await openFileSource(path)
  try {
    return await measureProgram(await openPe(source), basename(path), banks)
  } finally {
    await source.close()
  }
}

/** What firmware measures of a program before it starts it. */
async function measureProgram(
  pe: PeFile,
  description: string,
  banks: readonly PcrBank[],
): Promise<MeasuredEvent> {
  const digests = new Map<PcrBank, Uint8Array>()
  for (const bank of banks) digests.set(bank, await authenticodeDigest(pe, bank))
  return { pcr: BOOT_LOADER_CODE_PCR, description, digests }
}

function makeFile(component: string, name: string, events: readonly MeasuredEvent[]): PcrlockFile {
  return { path: `${component}/${name}.pcrlock`, text: formatPcrlock(events), events }
}

/** The file's name without suffix and boot counter: variants of one image have one name. */
function imageName(path: string): string {
  return basename(path)
    .replace(/\.efi$/i, '')
    .replace(/\+\d+(?:-\d+)?$/, '')
}
