/** The options that say how a UKI is booted: what lies beside it, and what it is started with. */

import { readSmallFile } from '../../files/text.ts'
import { type BootEntry, parseBootEntry } from '../../formats/boot-entry.ts'
import type { BesideOptions } from '../../policies/predict/beside.ts'
import { option, type ValuesOf } from '../arguments.ts'
import { blame, UsageError } from '../errors.ts'
import { choice, directory, file, integer, text } from '../types.ts'

const BOOT = 'Boot'

export const bootOptions = {
  esp: option({
    long: 'esp',
    group: BOOT,
    type: directory,
    description: 'folder with the content of the partition that the UKI is on',
  }),
  ukiPath: option({
    long: 'uki-path',
    group: BOOT,
    type: text('PATH'),
    description: 'path of the UKI on it; by default where the file is below --esp',
  }),
  profile: option({
    long: 'profile',
    group: BOOT,
    type: integer('N', { to: 255 }),
    description: 'the profile that is booted, counted from 0',
  }),
  options: option({
    long: 'options',
    group: BOOT,
    type: text('TEXT'),
    acceptsEmpty: true,
    description: 'kernel command line that the boot loader passes; by default none',
  }),
  entry: option({
    long: 'entry',
    group: BOOT,
    type: file,
    description:
      'boot loader entry (type 1) that starts the UKI: its options, profile and extra files',
  }),
  boot: option({
    long: 'boot',
    group: BOOT,
    type: choice(['systemd-boot', 'direct']),
    description: 'who starts the UKI; by default systemd-boot',
  }),
  secureBoot: option({
    long: 'secure-boot',
    group: BOOT,
    type: choice(['on', 'off']),
    description: 'whether Secure Boot is on; asked for where it matters',
  }),
  smbios: option({
    long: 'smbios-options',
    group: BOOT,
    type: text('TEXT'),
    acceptsEmpty: true,
    description: 'what io.systemd.stub.kernel-cmdline-extra of SMBIOS adds; by default nothing',
  }),
}

type BootValues = ValuesOf<typeof bootOptions>

/** What the options say, with what the entry says where they do not. */
export type BootRequest = Omit<BesideOptions, 'uki' | 'esp'> & {
  readonly profile: number | undefined
}

/** @throws UsageError for options that exclude each other; FileError, FormatError for the entry. */
export async function readBootRequest(values: BootValues): Promise<BootRequest> {
  const { entry: path, boot, smbios, ukiPath } = values
  if (path !== undefined && boot === 'direct') {
    throw new UsageError('--entry is for --boot systemd-boot: nothing else reads entries')
  }
  const entry = path === undefined ? undefined : await readEntry(path)
  return {
    ukiPath,
    options: values.options ?? entry?.options,
    profile: values.profile ?? entry?.profile,
    extras: entry?.extras,
    boot,
    secureBoot: values.secureBoot === undefined ? undefined : values.secureBoot === 'on',
    smbios,
  }
}

async function readEntry(path: string): Promise<BootEntry> {
  const bytes = await readSmallFile(path)
  return (async () => parseBootEntry(bytes))().catch(blame(path))
}
