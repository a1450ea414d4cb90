/**
 * Addons of a UKI: which of them systemd-stub takes, and what they add.
 *
 * See systemd src/boot/stub.c and src/boot/addon.c.
 */

import { decodeUtf8 } from '../../bytes/utf8.ts'
import { FormatError, PolicyError } from '../../errors.ts'
import type { FatEntry } from '../../files/fat-folder.ts'
import { openFileSource } from '../../files/file-source.ts'
import { readSection, sectionContent } from '../../formats/pe/content.ts'
import { openPe, type PeFile, type PeSection } from '../../formats/pe/decode.ts'
import { DOS_HEADER_SIZE, SUBSYSTEM_EFI_APPLICATION } from '../../formats/pe/layout.ts'
import type { StubRules } from './stub-rules.ts'

/** What an addon adds; what it has not, or this stub does not look for, is absent. */
export interface Addon {
  readonly file: FatEntry
  /** Not yet mangled. */
  readonly commandLine: string | undefined
  readonly deviceTree: AddonPart | undefined
  readonly initrd: AddonPart | undefined
  readonly microcode: AddonPart | undefined
}

/** A section of an addon, which may be an initrd and large. */
export interface AddonPart {
  readonly size: number
  read(): AsyncIterable<Uint8Array>
}

/** A file that looks like one to be measured, and is not. */
export interface SkippedFile {
  readonly file: string
  readonly reason: string
  /** Firmware loads and measures it all the same, and the stub then passes it over. */
  readonly isLoaded?: boolean
}

export interface AddonContext {
  /** IMAGE_FILE_MACHINE of the UKI. */
  readonly machine: number
  /** Content of the UKI's `.uname`, where it has one. */
  readonly uname: Uint8Array | undefined
  readonly rules: StubRules
  /** Undefined: not known. */
  readonly secureBoot: boolean | undefined
}

const MAX_TEXT = 1024 * 1024

/**
 * Reads an addon, or says why the stub passes it over.
 *
 * @throws PolicyError where that depends on what nobody said, FormatError where the file is damaged.
 */
export async function readAddon(
  file: FatEntry,
  context: AddonContext,
): Promise<Addon | SkippedFile> {
  const skip = (reason: string) => ({ file: file.path, reason })
  const source = await openFileSource(file.path).catch(() => undefined)
  if (source === undefined) return skip('it is empty or cannot be read')
  try {
    const pe = await openPe(source).catch((error) => {
      const isOther = error instanceof FormatError && error.code === 'BAD_MAGIC'
      if (isOther || source.size < DOS_HEADER_SIZE) return undefined
      throw inAddon(file, error)
    })
    if (pe === undefined) return skip('it is no PE file: firmware does not load it')
    const refusal = refuseToLoad(pe, file, context)
    if (refusal !== undefined) return skip(refusal)
    return await readParts(pe, file, context).catch((error) => {
      throw inAddon(file, error)
    })
  } finally {
    await source.close()
  }
}

/** Why firmware would not load it, or undefined. */
function refuseToLoad(
  pe: PeFile,
  { path }: FatEntry,
  { machine, secureBoot }: AddonContext,
): string | undefined {
  if (pe.machine !== machine) return 'it is for another architecture than the UKI'
  if (pe.subsystem !== SUBSYSTEM_EFI_APPLICATION) return 'it is no EFI application'
  if (pe.certificateTable !== undefined || secureBoot === false) return undefined
  if (secureBoot) return 'it is not signed: with Secure Boot firmware does not load it'
  throw new PolicyError('INPUT_NEEDED', `${path} is not signed, so Secure Boot decides`, {
    hint: 'say with --secure-boot whether it is on or off',
  })
}

async function readParts(
  pe: PeFile,
  file: FatEntry,
  { uname, rules }: AddonContext,
): Promise<Addon | SkippedFile> {
  const skip = (reason: string) => ({ file: file.path, reason, isLoaded: true })
  const find = (name: string, wanted = true) => {
    const all = pe.sections.filter((section) => section.name === name && section.virtualSize > 0)
    return wanted ? all.at(rules.firstSection ? 0 : -1) : undefined
  }
  const commandLine = find('.cmdline')
  const deviceTree = find('.dtb', rules.addonDeviceTrees !== 'none')
  const initrd = find('.initrd', rules.addonInitrds)
  const microcode = find('.ucode', rules.addonInitrds)
  const chosen = find('.dtbauto', rules.addonInitrds)
  if (![commandLine, deviceTree, initrd, microcode, chosen].some((each) => each !== undefined)) {
    return skip('it has no section that this stub looks for')
  }
  if (find('.linux')) return skip('it has a kernel: it is a UKI and no addon')
  const own = find('.uname')
  if (uname && own && !isSameKernel(uname, await readSection(pe, own, MAX_TEXT))) {
    return skip('its .uname names another kernel than that of the UKI')
  }
  if (chosen) {
    const found = `${file.path} has a .dtbauto`
    throw new PolicyError('UNPREDICTABLE', `${found}: whether it counts, the machine decides`)
  }
  const part = (section: PeSection | undefined): AddonPart | undefined =>
    section && { size: section.virtualSize, read: () => readLater(file, section) }
  return {
    file,
    commandLine: commandLine && readText(await readSection(pe, commandLine, MAX_TEXT), file),
    deviceTree: part(deviceTree),
    initrd: part(initrd),
    microcode: part(microcode),
  }
}

/** The section once more from the file, which was closed meanwhile. */
async function* readLater(file: FatEntry, section: PeSection): AsyncGenerator<Uint8Array> {
  const source = await openFileSource(file.path)
  try {
    yield* sectionContent({ source }, section)
  } finally {
    await source.close()
  }
}

/** As strncmp(3) with the size of the addon's section: a beginning of the UKI's name fits too. */
function isSameKernel(uki: Uint8Array, addon: Uint8Array): boolean {
  for (let index = 0; index < addon.length; index++) {
    const wanted = uki[index] ?? 0
    if (addon[index] !== wanted) return false
    if (wanted === 0) return true
  }
  return true
}

function readText(bytes: Uint8Array, { path }: FatEntry): string {
  const end = bytes.indexOf(0)
  const text = decodeUtf8(end < 0 ? bytes : bytes.subarray(0, end))
  if (text !== undefined) return text
  throw new PolicyError('UNPREDICTABLE', `${path}: its .cmdline is not UTF-8`)
}

function inAddon({ path }: FatEntry, error: unknown): unknown {
  if (!(error instanceof FormatError)) return error
  return new PolicyError('BAD_FILE', `${path}: ${error.message}`, { cause: error })
}
