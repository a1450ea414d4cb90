/** The variables of the firmware: Secure Boot on, and no keys in it but ours. */

import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeKey } from '../../support/keys.ts'
import { outputInTree } from '../../support/reference-trees.ts'
import type { BootOptions } from './options.ts'

export const OVMF = '/usr/share/OVMF'
/** Whose the keys are: any UUID will do. */
const OWNER = '5c8f2fd4-5a9b-4c0e-9d0c-6e6f1f2b7a31'

/** Makes a platform key and a key exchange key, enrols them and db, and returns the variables' path. */
export function enrolKeys({ guest, db }: BootOptions, folder: string): string {
  const template = join(folder, 'template.fd')
  const variables = join(folder, 'variables.fd')
  const keys = join(folder, 'firmware-keys')
  mkdirSync(keys)
  copyFileSync(join(OVMF, 'OVMF_VARS_4M.fd'), template)
  const pk = makeKey(keys, 'rsa2048', 'PK').certificate
  const kek = makeKey(keys, 'rsa2048', 'KEK').certificate
  const enrolled = db.flatMap(({ certificate }, index) => {
    const copy = join(keys, `db-${index}.crt`)
    copyFileSync(certificate, copy)
    return ['--add-db', OWNER, copy]
  })
  const args = ['--set-pk', OWNER, pk, '--add-kek', OWNER, kek, ...enrolled, '--sb']
  outputInTree(guest, folder, 'virt-fw-vars', ['--input', template, '--output', variables, ...args])
  return variables
}
