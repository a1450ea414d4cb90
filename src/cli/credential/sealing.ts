/** `--with-key` and its short forms: what a credential is to be sealed with. */

import { access } from 'node:fs/promises'
import { toHex } from '../../bytes/hex.ts'
import type { MadeTpmPart } from '../../credentials/tpm-part.ts'
import { deriveKey, type Scope } from '../../formats/credential/keys.ts'
import { flag, option, type ValuesOf } from '../arguments.ts'
import type { Context } from '../context.ts'
import { UsageError } from '../errors.ts'
import { choice } from '../types.ts'
import {
  type HostSecretLoader,
  type hostSecretOption,
  hostSecretPath,
  loadHostSecret,
  sharedHostSecrets,
} from './keys.ts'
import { Recent } from './recent.ts'
import { resolveScope, type scopeOptions } from './scope.ts'
import { hasLocalTpm, loadPolicy, loadSealer, namesTpm, type TpmValues } from './tpm.ts'

const CHOICES = [
  'auto',
  'auto-initrd',
  'host',
  'tpm2',
  'tpm2-with-public-key',
  'host+tpm2',
  'host+tpm2-with-public-key',
  'tpm2+host',
  'tpm2+host-with-public-key',
  'null',
  'tpm2-absent',
] as const

/** What goes into the key; a public key is also taken where it is found, or must be there. */
interface Plan {
  readonly host: boolean
  readonly tpm: boolean
  readonly publicKey: 'yes' | 'found' | 'no'
}

export const sealingOptions = {
  withKey: option({
    long: 'with-key',
    type: choice(CHOICES, 'KEY'),
    description: 'what opens it; by default auto: what is given, or what this machine has',
  }),
  host: flag({ long: 'host', short: 'H', description: 'the same as --with-key=host' }),
  tpm2: flag({ long: 'tpm2', short: 'T', description: 'with the TPM, and a public key if any' }),
}

type SealingValues = ValuesOf<typeof sealingOptions> &
  ValuesOf<typeof hostSecretOption> &
  ValuesOf<typeof scopeOptions> &
  TpmValues & { readonly targetVersion: string | undefined }

/** What goes into the key. */
export interface SealingKeys {
  readonly host: Uint8Array | undefined
  /** What they make, where they are those of many credentials. */
  readonly key?: Uint8Array
  readonly scope: Scope | undefined
  readonly tpm: MadeTpmPart | undefined
  readonly warnings: readonly string[]
  /** Overwrites the secrets. */
  readonly forget: () => void
}

/** {@link loadSealingKeys}, or another way to come by them. */
export type SealingKeysLoader = (values: SealingValues, context: Context) => Promise<SealingKeys>

/** Keys that are made once for all credentials with the same ones; `forget` overwrites all of them. */
export function sharedSealingKeys(): {
  readonly load: SealingKeysLoader
  readonly forget: () => Promise<void>
} {
  const hosts = sharedHostSecrets()
  // With the key made, nothing more is needed of the host's secret than that there is one.
  const shared = new Recent<SealingKeys & { readonly key: Uint8Array }>(({ key }) => key.fill(0))
  return {
    async load(values, context) {
      const id = identify(values)
      const known = shared.get(id)
      if (known !== undefined) return known
      const keys = await loadSealingKeys(values, context, hosts.load)
      // What a TPM has sealed is for one credential.
      if (keys.tpm !== undefined) return keys
      const made = {
        ...keys,
        key: deriveKey({ host: keys.host, scope: keys.scope }),
        forget: () => {},
      }
      shared.set(id, made)
      return made
    },
    async forget() {
      for (const { key } of shared.clear()) key.fill(0)
      await hosts.forget()
    },
  }
}

/** The same text for options that name the same keys. */
function identify({ withKey, host, tpm2, hostSecret, targetVersion, ...values }: SealingValues) {
  const { uid, user, userName, machineId, tpmDevice, tpmDeviceKey } = values
  const scope = [uid, user, userName, machineId && toHex(machineId)]
  const tpm = [tpm2, tpmDevice, tpmDeviceKey, values.tpmPcrs !== undefined, values.tpmPublicKey]
  const pcrs = values.tpmPublicKeyPcrs
  return JSON.stringify([withKey, host, hostSecret, targetVersion, scope, tpm, pcrs])
}

/** @throws UsageError where the options do not say with what to seal; and what the keys throw. */
export async function loadSealingKeys(
  values: SealingValues,
  context: Context,
  loadHost: HostSecretLoader = loadHostSecret,
): Promise<SealingKeys> {
  const plan = await choosePlan(values, context)
  refuseUseless(values, plan)
  const scope = await resolveScope(values)
  if (scope !== undefined && !plan.host) {
    throw new UsageError('a credential of one user is always sealed with the host secret too')
  }
  const host = plan.host ? await loadHost(values, scope, context) : undefined
  try {
    const tpm = plan.tpm ? await sealToTpm(values, plan, context) : undefined
    const forget = () => {
      host?.forget()
      tpm?.secret.fill(0)
    }
    return { host: host?.secret, scope, tpm, warnings: warningsOf(plan), forget }
  } catch (error) {
    host?.forget()
    throw error
  }
}

async function sealToTpm(
  values: SealingValues,
  plan: Plan,
  context: Context,
): Promise<MadeTpmPart> {
  const { makeTpmPart } = await import('../../credentials/tpm-part.ts')
  const { sealer, close } = await loadSealer(values, values.targetVersion)
  try {
    const policy = await loadPolicy(values, sealer, plan.publicKey)
    return await makeTpmPart({ sealer, policy, random: context.random })
  } finally {
    await close()
  }
}

function warningsOf({ host, tpm }: Plan): readonly string[] {
  return host || tpm
    ? []
    : ['a null key hides nothing and proves nothing: anybody can open and make it']
}

async function choosePlan(values: SealingValues, context: Context): Promise<Plan> {
  const given = [
    ...(values.host ? ['--host'] : []),
    ...(values.tpm2 ? ['--tpm2'] : []),
    ...(values.withKey === undefined ? [] : ['--with-key']),
  ]
  if (given.length > 1) throw new UsageError(`${given.join(' and ')} exclude each other`)
  if (values.host) return { host: true, tpm: false, publicKey: 'no' }
  if (values.tpm2) return { host: false, tpm: true, publicKey: 'found' }
  const key = values.withKey ?? 'auto'
  if (key === 'auto' || key === 'auto-initrd') return choosePresent(values, context, key)
  return {
    host: key.startsWith('host') || key.includes('+host'),
    tpm: key !== 'tpm2-absent' && key.includes('tpm2'),
    publicKey: key.endsWith('-with-public-key') ? 'yes' : 'no',
  }
}

/** What options name; where they name nothing, what this machine has. */
async function choosePresent(
  values: SealingValues,
  context: Context,
  mode: 'auto' | 'auto-initrd',
): Promise<Plan> {
  const isNamed = values.hostSecret !== undefined || namesTpm(values)
  const tpm = isNamed ? namesTpm(values) : await hasLocalTpm()
  // An initrd has no secret of the host, and without a TPM nothing else.
  if (mode === 'auto-initrd') return { host: false, tpm, publicKey: tpm ? 'found' : 'no' }
  const path = hostSecretPath(values, context)
  const host = isNamed ? values.hostSecret !== undefined : await isThere(path)
  if (host || tpm) return { host, tpm, publicKey: tpm ? 'found' : 'no' }
  throw new UsageError(`there is nothing to seal with: no --host-secret, no ${path}, no TPM`, {
    hint: 'extsign cred setup makes a host secret; --with-key=null seals without any secret',
  })
}

/** What is given and would not be used is a misunderstanding. */
function refuseUseless(values: SealingValues, plan: Plan): void {
  const useless = [
    ...(plan.host || values.hostSecret === undefined ? [] : ['--host-secret']),
    ...(plan.tpm || values.tpmDevice === undefined ? [] : ['--tpm2-device']),
    ...(plan.tpm || values.tpmDeviceKey === undefined ? [] : ['--tpm2-device-key']),
    ...(plan.tpm || values.tpmPcrs === undefined ? [] : ['--tpm2-pcrs']),
    ...(plan.publicKey !== 'no' || values.tpmPublicKey === undefined ? [] : ['--tpm2-public-key']),
    ...(plan.publicKey !== 'no' || values.tpmPublicKeyPcrs === undefined
      ? []
      : ['--tpm2-public-key-pcrs']),
  ]
  if (useless.length === 0) return
  throw new UsageError(`${useless.join(', ')}: not used for this kind of key`, {
    hint: '--with-key says what opens the credential',
  })
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
