/**
 * What systemd-stub measures beside the UKI itself, before it starts the kernel, in its order.
 *
 * See systemd src/boot/stub.c.
 */

import { allOf } from '../../files/all-of.ts'
import { type FileContent, fileContent } from '../../files/file-content.ts'
import { type ExtraTarget, encodeExtraArchive } from '../../formats/cpio/extra-archive.ts'
import { type Addon, type AddonContext, readAddon, type SkippedFile } from './addons.ts'
import { encodeUtf16, mangle } from './command-line.ts'
import { type DraftEvent, Pcr } from './draft.ts'
import { type EspPath, extraFolder, formatEspPath } from './extra-folder.ts'
import { type SideFileKind, selectFiles } from './select-files.ts'
import type { StubRules } from './stub-rules.ts'

export interface StubInput extends AddonContext {
  readonly esp: string
  readonly ukiPath: EspPath
  readonly profile: number
  /** What the stub takes as custom command line; undefined where it was dropped or there is none. */
  readonly options: string | undefined
  /** Command line of SMBIOS. */
  readonly smbios: string | undefined
}

export interface StubEvents {
  /** Measured before the sections of the UKI. */
  readonly before: readonly DraftEvent[]
  /** Measured after them. */
  readonly after: readonly DraftEvent[]
  readonly skipped: readonly SkippedFile[]
  /** Addons that firmware loads, in order. */
  readonly loadedAddons: readonly string[]
}

const GLOBAL_ADDONS: EspPath = ['loader', 'addons']
const GLOBAL_CREDENTIALS: EspPath = ['loader', 'credentials']
const GLOBAL_EXTENSIONS: EspPath = ['loader', 'extensions']

/** @throws PolicyError, FileError, FormatError */
export async function stubEvents(input: StubInput): Promise<StubEvents> {
  const { rules } = input
  const global = await readAddons(input, GLOBAL_ADDONS)
  const own = await readAddons(input, extraFolder(input.ukiPath, rules.dropsCounter))
  const addons = [...global.addons, ...own.addons]
  const trees = deviceTreeEvents(addons)
  return {
    before: profileEvents(input.profile),
    after: [
      ...optionEvents(input),
      ...addonLineEvents(global.addons, own.addons, rules),
      ...smbiosEvents(input),
      ...(rules.addonDeviceTrees === 'early' ? trees : []),
      ...(await archiveEvents(input)),
      ...(rules.addonDeviceTrees === 'late' ? trees : []),
      ...microcodeEvents(addons),
      ...initrdEvents(addons),
    ],
    skipped: [...global.skipped, ...own.skipped],
    loadedAddons: [...global.loaded, ...own.loaded],
  }
}

async function readAddons(input: StubInput, folder: EspPath) {
  const { esp, rules } = input
  const addons: Addon[] = []
  const skipped: SkippedFile[] = []
  const loaded: string[] = []
  if (rules.addonLines === 'none') return { addons, skipped, loaded }
  for (const file of await selectFiles(esp, folder, 'addon', rules.confexts)) {
    const found = await readAddon(file, input)
    if (!('reason' in found)) addons.push(found)
    else skipped.push(found)
    if (!('reason' in found) || found.isLoaded) loaded.push(file.path)
  }
  return { addons, skipped, loaded }
}

function profileEvents(profile: number): readonly DraftEvent[] {
  if (profile === 0) return []
  const number = `${profile}`
  return [stubEvent(number, 'the profile that was chosen', [], encodeUtf16(number))]
}

function optionEvents({ options, rules }: StubInput): readonly DraftEvent[] {
  const line = options !== undefined && rules.manglesOptions ? mangle(options) : options
  return line ? [lineEvent(line, 'options take the place of .cmdline', [], rules)] : []
}

function addonLineEvents(
  global: readonly Addon[],
  own: readonly Addon[],
  rules: StubRules,
): readonly DraftEvent[] {
  const sets = rules.addonLines === 'apart' ? [global, own] : [[...global, ...own]]
  return sets.flatMap((set) => {
    const addons = set.filter(({ commandLine }) => commandLine !== undefined)
    const line = mangle(joinLines(addons, rules))
    const files = addons.map(({ file }) => file.path)
    return line === '' ? [] : [lineEvent(line, 'command lines of addons', files, rules)]
  })
}

/** Nothing is between two lines where the first is empty so far. */
function joinLines(addons: readonly Addon[], { addonLines }: StubRules): string {
  return addons.reduce((joined, { commandLine = '' }) => {
    const line = addonLines === 'mangled' ? mangle(commandLine) : commandLine
    return joined === '' ? line : `${joined} ${line}`
  }, '')
}

function smbiosEvents({ smbios, rules }: StubInput): readonly DraftEvent[] {
  const line = smbios !== undefined && rules.smbios ? mangle(smbios) : ''
  return line === '' ? [] : [lineEvent(line, 'a string of SMBIOS adds options', [], rules)]
}

function deviceTreeEvents(addons: readonly Addon[]): readonly DraftEvent[] {
  return addons.flatMap(({ file, deviceTree }) =>
    deviceTree
      ? [stubEvent(file.name, 'an addon has a device tree', [file.path], deviceTree.read)]
      : [],
  )
}

/** The kernel takes the first that fits, so the last one comes first. */
function microcodeEvents(addons: readonly Addon[]): readonly DraftEvent[] {
  return addons
    .toReversed()
    .flatMap(({ file, microcode }) =>
      microcode
        ? [stubEvent(file.name, 'an addon has microcode', [file.path], microcode.read)]
        : [],
    )
}

function initrdEvents(addons: readonly Addon[]): readonly DraftEvent[] {
  return addons.flatMap(({ file, initrd }) =>
    initrd ? [stubEvent(file.name, 'an addon has an initrd', [file.path], initrd.read)] : [],
  )
}

interface Archive {
  readonly kind: SideFileKind
  readonly target: ExtraTarget
  readonly folder: EspPath
  readonly pcrs: readonly number[]
  readonly description: string
}

async function archiveEvents(input: StubInput): Promise<readonly DraftEvent[]> {
  const { esp, rules } = input
  const events: DraftEvent[] = []
  for (const { kind, target, folder, pcrs, description } of archives(input)) {
    const files = await selectFiles(esp, folder, kind, rules.confexts)
    if (files.length === 0) continue
    const contents = await allOf(files.map(({ path }) => fileContent(path)))
    const packed = contents.map((content: FileContent, index) => ({
      ...content,
      name: files[index]!.name,
    }))
    events.push({
      by: 'systemd-stub',
      pcrs,
      description,
      reason: `${kind} files in ${formatEspPath(folder)}`,
      files: files.map(({ path }) => path),
      data: () => encodeExtraArchive(target, packed),
    })
  }
  return events
}

/** Part of what is measured: the order and the words. */
function archives({ rules, ukiPath }: StubInput): readonly Archive[] {
  const own = extraFolder(ukiPath, rules.dropsCounter)
  const config = [Pcr.kernelConfig]
  const credentials = configPcrs(rules)
  const always: readonly (Archive | false)[] = [
    {
      kind: 'credential',
      target: 'credentials',
      folder: own,
      pcrs: credentials,
      description: 'Credentials initrd',
    },
    {
      kind: 'credential',
      target: 'global_credentials',
      folder: GLOBAL_CREDENTIALS,
      pcrs: credentials,
      description: 'Global credentials initrd',
    },
    {
      kind: 'sysext',
      target: 'sysext',
      folder: own,
      pcrs: [Pcr.sysexts],
      description: 'System extension initrd',
    },
    rules.globalExtensions && {
      kind: 'sysext',
      target: 'global_sysext',
      folder: GLOBAL_EXTENSIONS,
      pcrs: [Pcr.sysexts],
      description: 'Global system extension initrd',
    },
    rules.confexts && {
      kind: 'confext',
      target: 'confext',
      folder: own,
      pcrs: config,
      description: 'Configuration extension initrd',
    },
    rules.globalExtensions && {
      kind: 'confext',
      target: 'global_confext',
      folder: GLOBAL_EXTENSIONS,
      pcrs: config,
      description: 'Global configuration extension initrd',
    },
  ]
  return always.filter((archive) => archive !== false)
}

function lineEvent(
  line: string,
  reason: string,
  files: readonly string[],
  rules: StubRules,
): DraftEvent {
  return { ...stubEvent(line, reason, files, encodeUtf16(line)), pcrs: configPcrs(rules) }
}

function stubEvent(
  description: string,
  reason: string,
  files: readonly string[],
  data: DraftEvent['data'],
): DraftEvent {
  return { by: 'systemd-stub', pcrs: [Pcr.kernelConfig], description, reason, files, data }
}

function configPcrs({ alsoPcr8 }: StubRules): readonly number[] {
  return alsoPcr8 ? [Pcr.kernelConfigCopy, Pcr.kernelConfig] : [Pcr.kernelConfig]
}
