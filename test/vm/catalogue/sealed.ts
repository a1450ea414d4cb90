/** Credentials for the TPM of a guest, sealed where that TPM is not. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TreeName } from '../../../scripts/provision/trees.mjs'
import { openTpm } from '../../../src/keys/tpm/index.ts'
import { extsign } from '../../support/extsign.ts'
import { startTpm } from '../../support/swtpm.ts'
import { makeTpm } from '../harness/index.ts'

/** When the guest opens a credential. */
export type Opens = 'always' | 'in the initrd' | 'never'

export interface Sealed {
  /** It is in a file of this name with `.cred` behind it. */
  readonly name: string
  readonly opens: Opens
}

/** What is known of a guest before it has booted. */
export interface Target {
  readonly guest: TreeName
  /** The storage keys that everything is sealed for. */
  readonly parents: readonly Parent[]
  /** Folder of its TPM. */
  readonly tpm: string
  /** Public parts of the storage keys of its TPM, and of another one. */
  readonly storageKeys: Readonly<Record<Parent, string>>
  readonly otherKeys: Readonly<Record<Parent, string>>
  /** Its host secret. */
  readonly hostSecret: string
}

type Parent = 'legacy' | 'srk'

/** The storage keys under which the systemd of a guest looks, the newest last. */
export const PARENTS = { trixie: ['legacy'], sid: ['legacy', 'srk'] } as const

/** As scripts/provision/guest-root.mjs writes it. */
const MACHINE_ID = 'e'.repeat(32)

/** What `name` has to open to. */
export function secretOf(name: string): string {
  return `secret of ${name}`
}

/** Makes two TPMs, one of them for the guest, and has each say what is public of it. */
export async function makeTarget(
  guest: TreeName,
  parents: readonly Parent[],
  folder: string,
): Promise<Target> {
  const hostSecret = join(folder, 'credential.secret')
  makeHostSecret(hostSecret)
  const tpm = join(folder, 'tpm')
  const storageKeys = await makeTpmAndKeys(tpm)
  return {
    guest,
    parents,
    tpm,
    hostSecret,
    storageKeys,
    otherKeys: await makeTpmAndKeys(`${tpm}-other`),
  }
}

/** Makes a secret for the hosts that guests are. */
export function makeHostSecret(file: string): void {
  extsign(['cred', 'setup', '--machine-id', MACHINE_ID, file])
}

async function makeTpmAndKeys(state: string): Promise<Record<Parent, string>> {
  makeTpm(state)
  const running = await startTpm(state)
  const tpm = await openTpm(running.device)
  const write = async (parent: Parent) => {
    const file = `${state}.${parent}.pub`
    writeFileSync(file, (await tpm.storageKey(parent)).tpm2bPublic)
    return file
  }
  const keys = { legacy: await write('legacy'), srk: await write('srk') }
  await tpm.close()
  await running.stop()
  return keys
}

export interface SealRecipe {
  readonly what: string
  readonly opens: Opens
  /** Options of `extsign cred encrypt`. */
  readonly options?: readonly string[]
  /** Sealed for the other TPM. */
  readonly elsewhere?: boolean
}

/** Of every kind. `pcr11` is what PCR 11 has in the initrd, for `--tpm2-pcrs`. */
export function everyKind(
  { hostSecret }: Target,
  { pcr11, publicKey }: { readonly pcr11: string; readonly publicKey: string },
): readonly SealRecipe[] {
  const host = ['--host-secret', hostSecret]
  const signed = ['--tpm2-public-key', publicKey]
  const literal = ['--tpm2-pcrs', pcr11]
  const all = ['--with-key=host+tpm2-with-public-key', ...host, ...signed, ...literal]
  return [
    { what: 'free', opens: 'always' },
    { what: 'host', opens: 'always', options: ['--with-key=host+tpm2', ...host] },
    { what: 'literal', opens: 'in the initrd', options: literal },
    { what: 'signed', opens: 'in the initrd', options: signed },
    { what: 'all', opens: 'in the initrd', options: all },
    { what: 'elsewhere', opens: 'never', elsewhere: true },
    { what: 'misnamed', opens: 'never', options: ['--name=right'] },
    { what: 'expired', opens: 'never', options: ['--timestamp=@1', '--not-after=@2'] },
  ]
}

/** Seals for each of the keys of `target`, without its TPM. */
export function seal(
  target: Target,
  recipes: readonly SealRecipe[],
  folder: string,
): readonly Sealed[] {
  mkdirSync(folder, { recursive: true })
  return target.parents.flatMap((parent) =>
    recipes.map(({ what, opens, options = [], elsewhere }) => {
      const name = `${parent}-${what}`
      const keys = elsewhere ? target.otherKeys : target.storageKeys
      const files = ['-', join(folder, `${name}.cred`)]
      const input = secretOf(name)
      extsign(['cred', 'encrypt', '--tpm2-device-key', keys[parent], ...options, ...files], {
        input,
      })
      return { name, opens }
    }),
  )
}
