/** What the firmware boots: unified kernel images, and what belongs to them. */

import { copyFileSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { GUEST_SOURCES } from '../../../scripts/provision/guest-root.mjs'
import { guestFolder } from '../../../scripts/provision/guests.mjs'
import { type TreeName, treeFolder } from '../../../scripts/provision/trees.mjs'
import type { KeyFiles } from '../../support/keys.ts'
import { outputInTree } from '../../support/reference-trees.ts'
import type { BootOptions, Environment } from './options.ts'

/**
 * Builds the UKI of a guest in `folder`, and returns its path. Nobody has signed it.
 *
 * @param options More options of ukify; files in them are in `folder`.
 */
export function makeUki(
  guest: TreeName,
  environment: Environment,
  folder: string,
  options: readonly string[] = [],
): string {
  const from = guestFolder(guest)
  const parts = [`--linux=${take(join(from, 'vmlinuz'), folder)}`]
  if (environment === 'initrd') {
    parts.push(`--initrd=${take(join(from, 'initrd.cpio.zst'), folder)}`)
  }
  const version = readFileSync(join(from, 'kernel-version'), 'utf8').trim()
  const commandLine = commandLineOf(environment)
  parts.push(`--uname=${version}`, `--cmdline=${commandLine}`, '--os-release=@/etc/os-release')
  return makePe(guest, folder, 'uki.efi', [...parts, ...options])
}

/**
 * The command line of the kernel. Most of it is for speed: where addresses are not randomized, qemu
 * translates a program once, and not for each process.
 */
export function commandLineOf(environment: Environment): string {
  return readFileSync(join(GUEST_SOURCES, `cmdline.${environment}`), 'utf8').trim()
}

/** Builds a PE file with ukify: an image, an addon, a profile. */
export function makePe(
  guest: TreeName,
  folder: string,
  name: string,
  options: readonly string[],
): string {
  const file = join(folder, name)
  outputInTree(guest, folder, 'ukify', ['build', ...options, `--output=${file}`])
  return file
}

/** Signs a PE file for Secure Boot, and returns the path of the signed one in `folder`. */
export function signForFirmware(
  guest: TreeName,
  file: string,
  signer: KeyFiles,
  folder: string,
): string {
  const signed = join(folder, `signed-${basename(file)}`)
  const key = [
    `--private-key=${take(signer.privateKey, folder, 'signer.key')}`,
    `--certificate=${take(signer.certificate, folder, 'signer.crt')}`,
  ]
  const unsigned = take(file, folder, `unsigned-${basename(file)}`)
  const args = ['sign', ...key, `--output=${signed}`, unsigned]
  outputInTree(guest, folder, '/usr/lib/systemd/systemd-sbsign', args)
  return signed
}

/** Path on the EFI system partition of the UKI that systemd-boot starts. */
export const UKI_PATH = 'EFI/Linux/vmtest.efi'

/** What boots, by path on the EFI system partition. */
export function makeBootFiles(options: BootOptions, folder: string): Record<string, string> {
  const { guest, environment = 'host', signer = options.db[0]!, boot = 'stub' } = options
  const uki = options.uki ?? makeUki(guest, environment, folder)
  const signed = signForFirmware(guest, uki, signer, folder)
  if (boot === 'stub') return { 'EFI/BOOT/BOOTX64.EFI': signed }
  const loader = join(treeFolder(guest), 'usr/lib/systemd/boot/efi/systemd-bootx64.efi')
  return {
    'EFI/BOOT/BOOTX64.EFI': signForFirmware(guest, loader, signer, folder),
    [UKI_PATH]: signed,
  }
}

/** Brings a file to where a reference tree sees it. */
function take(file: string, folder: string, name: string = basename(file)): string {
  const taken = join(folder, name)
  if (taken !== file) copyFileSync(file, taken)
  return taken
}
