/** The unified kernel image a guest boots. */

import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GUEST_SOURCES } from '../../../scripts/provision/guest-root.mjs'
import { guestFolder } from '../../../scripts/provision/guests.mjs'
import { outputInTree } from '../../support/reference-trees.ts'
import type { BootOptions } from './options.ts'

/** Builds and signs the UKI in `folder`, and returns its path. */
export function buildUki(options: BootOptions, folder: string): string {
  const { guest, environment = 'host', signer = options.db[0]! } = options
  const uki = join(folder, 'uki.efi')
  const take = (path: string, name: string) => {
    copyFileSync(path, join(folder, name))
    return join(folder, name)
  }
  const from = guestFolder(guest)
  const parts = [`--linux=${take(join(from, 'vmlinuz'), 'vmlinuz')}`]
  if (environment === 'initrd') {
    parts.push(`--initrd=${take(join(from, 'initrd.cpio.zst'), 'initrd')}`)
  }
  const version = readFileSync(join(from, 'kernel-version'), 'utf8').trim()
  const commandLine = readFileSync(join(GUEST_SOURCES, `cmdline.${environment}`), 'utf8').trim()
  parts.push(`--uname=${version}`, `--cmdline=${commandLine}`, '--os-release=@/etc/os-release')
  const signing = [
    `--secureboot-private-key=${take(signer.privateKey, 'signer.key')}`,
    `--secureboot-certificate=${take(signer.certificate, 'signer.crt')}`,
    '--signtool=systemd-sbsign',
    // systemd-sbsign cannot tell whether the kernel inside is signed; systemd-stub takes it unsigned.
    '--no-sign-kernel',
  ]
  outputInTree(guest, folder, 'ukify', ['build', ...parts, ...signing, `--output=${uki}`])
  return uki
}
