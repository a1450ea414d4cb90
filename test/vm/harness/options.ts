/** What a test says about the virtual machine it wants. */

import type { TreeName } from '../../../scripts/provision/trees.mjs'
import type { KeyFiles } from '../../support/keys.ts'

/** Guests by what they are asked for. */
export const GUESTS = [
  ['systemd 257', 'trixie'],
  ['systemd 262', 'sid'],
] as const

/** `host`: root file system on a disk, no initrd. `initrd`: everything runs in the initrd. */
export type Environment = 'host' | 'initrd'

export interface Step {
  /** Unique in a run. */
  readonly name: string
  /** For `sh`, run as root in the guest. The working directory is an empty folder of its own. */
  readonly script: string
  /** Seconds, 60 by default. A step that takes longer is ended, and its status is 124. */
  readonly timeout?: number
}

export interface BootOptions {
  readonly guest: TreeName
  /** Names the folder of the logs: a later boot of this name and guest writes over them. */
  readonly name: string
  /** Folder whose content is at /payload in the guest, read-only, with owners, modes and xattrs. */
  readonly payload: string
  readonly steps: readonly Step[]
  /** Certificates for the UEFI db. */
  readonly db: readonly KeyFiles[]
  /** The firmware's variables with these certificates; made for the boot where absent. */
  readonly variables?: string
  /** Signs what the firmware starts: the first key of db where absent. */
  readonly signer?: KeyFiles
  /** `host` where absent. */
  readonly environment?: Environment
  /** What the firmware starts: the UKI itself, as EFI/BOOT/BOOTX64.EFI, where absent. */
  readonly boot?: 'stub' | 'systemd-boot'
  /** A UKI that nobody has signed; that of the guest for the environment where absent. */
  readonly uki?: string
  /** Further files of the EFI system partition, by path on it. */
  readonly esp?: Readonly<Record<string, string>>
  /** The folder of a TPM, which the guest goes on using; a new one where absent. */
  readonly tpm?: string
}

/** Seconds after which a step is ended. */
export function stepTimeout({ timeout = 60 }: Step): number {
  return timeout
}
