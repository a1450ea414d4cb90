/** Small UKIs, addons and ESPs for tests. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makePe as makePeOf, type PeOptions as Options } from '../support/pe.ts'

export type Sections = readonly (readonly [name: string, content: string])[]

export interface PeOptions extends Pick<Options, 'machine' | 'subsystem'> {
  /** Something that looks like an Authenticode signature. */
  readonly signed?: boolean
}

/** A PE file with these sections, whose content is in Latin-1. */
export function makePe(sections: Sections, { signed, ...options }: PeOptions = {}): Uint8Array {
  const made = sections.map(([name, text]) => ({ name, content: Buffer.from(text, 'latin1') }))
  return makePeOf(made, { ...options, ...(signed && { certificates: new Uint8Array(16) }) })
}

/** The sections of a UKI whose stub has a version. */
export function ukiSections(version: number, more: Sections = []): Sections {
  const magic = `#### LoaderInfo: systemd-stub ${version}.1 ####\0`
  return [['.sdmagic', magic], ['.osrel', 'ID=test\n'], ...more, ['.linux', 'HALLO\n']]
}

/** Writes files below a folder, which it returns. */
export function writeFiles(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}
