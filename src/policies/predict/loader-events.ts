/** What systemd-boot measures before it starts a UKI: systemd src/boot/boot.c. */

import { PolicyError } from '../../errors.ts'
import { allOf } from '../../files/all-of.ts'
import { findFatPath } from '../../files/fat-folder.ts'
import { type FileContent, fileContent } from '../../files/file-content.ts'
import { countEntryInodes, encodeExtraArchive } from '../../formats/cpio/extra-archive.ts'
import type { SkippedFile } from './addons.ts'
import { encodeUtf16 } from './command-line.ts'
import { type DraftEvent, Pcr } from './draft.ts'
import { formatEspPath, parseEspPath } from './extra-folder.ts'

export interface LoaderInput {
  readonly esp: string
  readonly profile: number
  readonly options: string | undefined
  /** `extra` lines of the entry. */
  readonly extras: readonly string[]
}

export interface LoaderEvents {
  readonly events: readonly DraftEvent[]
  readonly skipped: readonly SkippedFile[]
}

/** The archives in their order, and what belongs into each. */
const ARCHIVES = [
  { target: 'credentials', suffix: '.cred', pcr: Pcr.kernelConfig, name: 'credentials' },
  { target: 'sysext', suffix: '.sysext.raw', pcr: Pcr.sysexts, name: 'system extension' },
  {
    target: 'confext',
    suffix: '.confext.raw',
    pcr: Pcr.kernelConfig,
    name: 'configuration extension',
  },
] as const

/** @throws PolicyError BAD_PATH where a file of the entry is not there, FileError */
export async function loaderEvents(input: LoaderInput): Promise<LoaderEvents> {
  const { events, skipped } = await extraEvents(input)
  return { events: [...optionEvents(input), ...events], skipped }
}

/** The text that a stub is started with, or undefined where there is none. */
export function loadOptions(profile: number, options: string | undefined): string | undefined {
  if (profile === 0) return options || undefined
  return options ? `@${profile} ${options}` : `@${profile}`
}

function optionEvents({ profile, options }: LoaderInput): readonly DraftEvent[] {
  const passed = loadOptions(profile, options)
  if (passed === undefined) return []
  return [
    {
      by: 'systemd-boot',
      pcrs: [Pcr.kernelConfig],
      description: passed,
      reason: profile === 0 ? 'it passes options to the UKI' : 'it passes the profile to the UKI',
      files: [],
      data: encodeUtf16(passed),
    },
  ]
}

interface Extra {
  readonly name: string
  readonly content: FileContent
}

/** One counter of inodes for all three archives. */
async function extraEvents({ esp, extras }: LoaderInput): Promise<LoaderEvents> {
  const taken = (path: string) => ARCHIVES.some(({ suffix }) => hasSuffix(path, suffix))
  const skipped = extras
    .filter((path) => !taken(path))
    .map((file) => ({ file, reason: 'systemd-boot hands over no files of this kind' }))
  const found = await allOf(extras.filter(taken).map((path) => findExtra(esp, path)))
  const events: DraftEvent[] = []
  let firstInode = 1
  for (const { target, suffix, pcr, name } of ARCHIVES) {
    const files = found.filter((extra) => hasSuffix(extra.name, suffix))
    if (files.length === 0) continue
    const options = { firstInode, repeatsFolders: true }
    const packed = files.map(({ name, content }) => ({ ...content, name }))
    events.push({
      by: 'systemd-boot',
      pcrs: [pcr],
      description: `Entry ${name} initrd`,
      reason: 'extra lines of the boot entry',
      files: files.map(({ content }) => content.path),
      data: () => encodeExtraArchive(target, packed, options),
    })
    firstInode += countEntryInodes(files.length)
  }
  return { events, skipped }
}

async function findExtra(esp: string, path: string): Promise<Extra> {
  const parts = parseEspPath(path)
  const found = await findFatPath(esp, parts)
  if (found !== undefined) return { name: parts.at(-1)!, content: await fileContent(found) }
  throw new PolicyError('BAD_PATH', `${formatEspPath(parts)} of the boot entry is not on the ESP`)
}

function hasSuffix(name: string, suffix: string): boolean {
  return name.toLowerCase().endsWith(suffix)
}
