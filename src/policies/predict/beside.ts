/** Everything that is measured beside the sections of a UKI, before its kernel starts. */

import { PolicyError } from '../../errors.ts'
import { readSection } from '../../formats/pe/content.ts'
import type { PcrBank } from '../../formats/tpm2/pcr.ts'
import type { Uki } from '../../formats/uki/decode.ts'
import type { UkiProfile } from '../../formats/uki/profiles.ts'
import type { SkippedFile } from './addons.ts'
import { assertOptions } from './command-line.ts'
import { type DraftEvent, measureDraft } from './draft.ts'
import { type EspPath, formatEspPath } from './extra-folder.ts'
import { loaderEvents, loadOptions } from './loader-events.ts'
import { locateOnEsp } from './locate.ts'
import type { PredictedEvent } from './prediction.ts'
import { stubEvents } from './stub-events.ts'
import { type StubRules, stubRules } from './stub-rules.ts'

export interface BesideOptions {
  /** The UKI, a file of this host. */
  readonly uki: string
  /** The folder that is, or will be, the ESP or XBOOTLDR partition that the UKI is on. */
  readonly esp: string
  /** Path of the UKI on it; by default where the file is below the folder. */
  readonly ukiPath?: string | undefined
  /** Kernel command line that the boot loader passes, without a profile. */
  readonly options?: string | undefined
  /** Asked for only where it matters. */
  readonly secureBoot?: boolean | undefined
  /** Who starts the UKI. Default `systemd-boot`. */
  readonly boot?: 'systemd-boot' | 'direct' | undefined
  /** `extra` lines of the boot entry. */
  readonly extras?: readonly string[] | undefined
  /** `io.systemd.stub.kernel-cmdline-extra` of SMBIOS. */
  readonly smbios?: string | undefined
}

export interface BesideEvents {
  readonly ukiPath: string
  /** Measured before the sections. */
  readonly before: readonly PredictedEvent[]
  /** Measured after them. */
  readonly after: readonly PredictedEvent[]
  /** Addons that firmware loads and measures into PCR 4, whether the stub takes them or not. */
  readonly loadedAddons: readonly string[]
  readonly skipped: readonly SkippedFile[]
  /** What has to hold for all this to come true. */
  readonly conditions: readonly string[]
}

const MAX_UNAME = 64 * 1024

/** @throws PolicyError, FileError, FormatError as `predictPcrs`. */
export async function measureBeside(
  uki: Pick<Uki, 'pe' | 'stubMajor'>,
  profile: UkiProfile,
  given: BesideOptions,
  banks: readonly PcrBank[],
): Promise<BesideEvents> {
  const { esp, secureBoot, smbios, extras = [] } = given
  assertOptions(given.options ?? '')
  assertOptions(smbios ?? '')
  const rules = stubRules(uki.stubMajor)
  const uname = find(profile, '.uname')
  const ukiPath: EspPath = await locateOnEsp(given.uki, esp, given.ukiPath)
  const options = customOptions(given, find(profile, '.cmdline') !== undefined)
  const stub = await stubEvents({
    esp,
    ukiPath,
    profile: profile.number,
    options,
    smbios,
    machine: uki.pe.machine,
    uname: uname && (await readSection(uki.pe, uname, MAX_UNAME)),
    rules,
    secureBoot,
  })
  const passed = { esp, profile: profile.number, options: given.options, extras }
  const loader = given.boot === 'direct' ? { events: [], skipped: [] } : await loaderEvents(passed)
  return {
    ukiPath: formatEspPath(ukiPath),
    before: await measureDrafts([...loader.events, ...stub.before], banks),
    after: await measureDrafts(stub.after, banks),
    loadedAddons: stub.loadedAddons,
    skipped: [...loader.skipped, ...stub.skipped],
    conditions: [
      ...conditions(given, rules, loadOptions(profile.number, given.options)),
      ...(given.options && options === undefined
        ? ['Secure Boot is on, so the options are dropped']
        : []),
      ...(stub.loadedAddons.length > 0 && secureBoot !== false
        ? ['with Secure Boot the firmware accepts the signatures of the addons']
        : []),
    ],
  }
}

async function measureDrafts(drafts: readonly DraftEvent[], banks: readonly PcrBank[]) {
  const events: PredictedEvent[] = []
  for (const draft of drafts) events.push(...(await measureDraft(draft, banks)))
  return events
}

/** A section that is there and not empty. */
function find({ sections }: UkiProfile, name: string) {
  const section = sections.get(name)
  return section && section.virtualSize > 0 ? section : undefined
}

/** With Secure Boot a UKI that has a command line takes no other. */
function customOptions(
  { options, secureBoot }: BesideOptions,
  hasOwn: boolean,
): string | undefined {
  if (!options || !hasOwn) return options || undefined
  if (secureBoot !== undefined) return secureBoot ? undefined : options
  throw new PolicyError('INPUT_NEEDED', 'the UKI has a .cmdline, so Secure Boot decides', {
    hint: 'with Secure Boot the options are dropped: say with --secure-boot whether it is on or off',
  })
}

/** What nobody can see from here. */
function conditions(
  { boot, extras, smbios }: BesideOptions,
  rules: StubRules,
  passed: string | undefined,
): readonly string[] {
  return [
    boot === 'direct'
      ? 'firmware or another boot loader starts the UKI and measures nothing into these PCRs itself'
      : 'systemd-boot starts the UKI, and nobody edits its options in the menu',
    ...(passed === undefined ? ['no options are passed to the UKI'] : []),
    ...(boot !== 'direct' && extras?.length
      ? ['systemd-boot is of version 261 or later, which reads extra lines']
      : []),
    ...(rules.smbios && smbios === undefined ? ['SMBIOS adds no options'] : []),
    'nothing else measures into these PCRs, user data of a cloud neither',
  ]
}
