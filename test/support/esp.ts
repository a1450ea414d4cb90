/** A UKI with profiles, an addon and what lies beside them on an ESP, made by ukify of a tree. */

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TreeName } from '../../scripts/provision/trees.mjs'
import { outputInTree } from './reference-trees.ts'

export interface Esp {
  readonly folder: string
  /** Without profiles. */
  readonly plain: string
  /** With two, and with files beside it. */
  readonly uki: string
}

/** Makes all of it in `folder`. */
export function makeEsp(tree: TreeName, folder: string): Esp {
  const at = (name: string) => join(folder, name)
  const ukify = (...args: string[]) => outputInTree(tree, folder, 'ukify', ['build', ...args])
  writeFileSync(at('vmlinuz'), 'HALLO\n')
  writeFileSync(at('initrd'), 'foobar\n'.repeat(1000))
  const kernel = [`--linux=${at('vmlinuz')}`, `--initrd=${at('initrd')}`, '--uname=6.1.0']
  const common = [...kernel, '--os-release=@/etc/os-release', '--cmdline=root=/dev/sda quiet']
  ukify(...common, `--output=${at('plain.efi')}`)
  const profile = (id: string) => `--profile=ID=${id}\nTITLE=${id}`
  ukify(profile('other'), '--cmdline=other', `--output=${at('other.efi')}`)
  const joined = [profile('main'), `--join-profile=${at('other.efi')}`]
  ukify(...common, ...joined, `--output=${at('profiles.efi')}`)
  ukify('--cmdline=addon', '--uname=6.1.0', `--output=${at('addon.efi')}`)
  const extra = at('esp/EFI/Linux/linux.efi.extra.d')
  for (const path of [extra, at('esp/loader/credentials'), at('esp/loader/extensions')]) {
    mkdirSync(path, { recursive: true })
  }
  copyFileSync(at('profiles.efi'), at('esp/EFI/Linux/linux+3-1.efi'))
  copyFileSync(at('addon.efi'), join(extra, 'x.addon.efi'))
  writeFileSync(join(extra, 'a.cred'), 'AAAA')
  writeFileSync(join(extra, 'b.CRED'), 'hello world!\n')
  writeFileSync(join(extra, 'c.confext.raw'), 'confext'.repeat(1001))
  writeFileSync(join(extra, 'd.sysext.raw'), 'sysext'.repeat(1001))
  writeFileSync(at('esp/loader/credentials/g.cred'), 'global')
  writeFileSync(at('esp/loader/extensions/e.raw'), 'global')
  return { folder: at('esp'), plain: at('plain.efi'), uki: at('esp/EFI/Linux/linux+3-1.efi') }
}
