/** What `extsign rotate` has moved to other keys before the boot it is for. */

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { extsign } from '../../support/extsign.ts'
import { type MeasuredUki, makePolicyKey } from './measured-uki.ts'
import { makeHostSecret, type Sealed, secretOf, type Target } from './sealed.ts'

/** Lets another key approve of what that of `uki` does; its policies go with the UKI from now on. */
export function rotatePolicies(uki: MeasuredUki, folder: string): MeasuredUki {
  const { privateKey, publicKey } = makePolicyKey(folder, 'new-pcr')
  const keys = { 'old-public-key': uki.publicKey, 'public-key': publicKey }
  rotate({ policies: [{ files: uki.path, ...keys, 'private-key': privateKey }] }, folder)
  return { path: uki.path, publicKey }
}

/** Seals a credential with a secret that the host had, and moves it to host and TPM of `target`. */
export function rotateCredential(target: Target, folder: string, into: string): Sealed {
  const name = 'rotated'
  const files = join(folder, 'to-rotate')
  const old = join(folder, 'old.secret')
  mkdirSync(files)
  makeHostSecret(old)
  const file = join(files, `${name}.cred`)
  extsign(['cred', 'encrypt', '--host-secret', old, '-', file], { input: secretOf(name) })
  const keys = {
    ...{ 'old-host-secret': old, 'host-secret': target.hostSecret },
    'tpm2-device-key': target.storageKeys.legacy,
  }
  rotate({ credentials: [{ files, ...keys }] }, folder)
  copyFileSync(file, join(into, `${name}.cred`))
  return { name, opens: 'always' }
}

function rotate(plan: object, folder: string): void {
  const file = join(folder, 'rotate.json')
  writeFileSync(file, JSON.stringify(plan))
  extsign(['rotate', file])
}
