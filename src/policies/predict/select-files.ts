/** Which files of a folder systemd-stub takes, and in which order: systemd src/boot/cpio.c. */

import { PolicyError } from '../../errors.ts'
import { type FatEntry, isFatName, listFatFiles } from '../../files/fat-folder.ts'
import type { EspPath } from './extra-folder.ts'
import { formatEspPath } from './extra-folder.ts'

export type SideFileKind = 'credential' | 'sysext' | 'confext' | 'addon'

const MAX_NAME = 255

/**
 * The files of a kind in a folder of the ESP, in the order in which they are measured.
 *
 * @param confexts whether the stub tells confexts from sysexts
 * @throws FileError where the folder cannot be read, PolicyError BAD_PATH for names no ESP has.
 */
export async function selectFiles(
  esp: string,
  folder: EspPath,
  kind: SideFileKind,
  confexts: boolean,
): Promise<readonly FatEntry[]> {
  const found = (await listFatFiles(esp, folder)) ?? []
  const selected = found.filter(({ name }) => isTaken(name, kind, confexts))
  for (const { name } of selected) {
    if (isFatName(name)) continue
    const where = formatEspPath([...folder, name])
    throw new PolicyError('BAD_PATH', `${where} cannot be the name of a file on an ESP`)
  }
  // By UTF-16 code units: capitals come before small letters.
  return selected.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function isTaken(name: string, kind: SideFileKind, confexts: boolean): boolean {
  if (name.startsWith('.') || name.length > MAX_NAME || !/^[\0-\x7f]*$/.test(name)) return false
  const ends = (suffix: string) => name.toLowerCase().endsWith(suffix)
  switch (kind) {
    case 'credential':
      return ends('.cred')
    case 'sysext':
      return ends('.raw') && !(confexts && ends('.confext.raw'))
    case 'confext':
      return confexts && ends('.confext.raw')
    case 'addon':
      return ends('.addon.efi')
  }
}
