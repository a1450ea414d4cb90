/** Boots with everything that is measured, and with secrets sealed to what they will measure. */

import { copyFileSync, linkSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TreeName } from '../../../scripts/provision/trees.mjs'
import { extsign } from '../../support/extsign.ts'
import type { KeyFiles } from '../../support/keys.ts'
import { type BootOptions, makePe, signForFirmware, UKI_PATH } from '../harness/index.ts'
import { calculatePcr11, makeMeasuredUki, PROFILES } from './measured-uki.ts'
import { rotateCredential, rotatePolicies } from './rotated.ts'
import { everyKind, makeTarget, PARENTS, type Sealed, type SealRecipe, seal } from './sealed.ts'
import { SEALED_FILES, sealedFolder } from './sealed-steps.ts'

type Profile = (typeof PROFILES)[number]
type EspFiles = Readonly<Record<string, string>>

export interface BootPlan {
  readonly guest: TreeName
  /** For what is needed to make it; empty. */
  readonly folder: string
  /** Folder for the guest, which gets the credentials. */
  readonly payload: string
  readonly db: readonly KeyFiles[]
  /** What else is on the EFI system partition. */
  readonly esp?: EspFiles
  /** `main` is started by the firmware, `second` by systemd-boot. */
  readonly profile: Profile
  /** Whether another key takes over before, and other secrets. */
  readonly rotated?: boolean
}

export interface MeasuredBoot {
  readonly options: Pick<BootOptions, 'guest' | 'payload' | 'db' | 'esp' | 'tpm' | 'uki' | 'boot'>
  /** What a PCR or several will have, in the form of `--tpm2-pcrs`. */
  readonly pcr11: (phase: string) => string
  readonly pcrs: string
  /** In the payload. */
  readonly sealed: readonly Sealed[]
  /** Those of them that are on the EFI system partition as well. */
  readonly delivered: readonly Sealed[]
}

const SYSTEMD_VERSIONS = { trixie: 257, sid: 262 } as const
const EXTRA = {
  main: 'EFI/BOOT/BOOTX64.EFI.extra.d',
  second: `${UKI_PATH}.extra.d`,
} as const satisfies Record<Profile, string>

/** Prepares a boot down to the values of its PCRs. */
export async function prepareBoot(plan: BootPlan): Promise<MeasuredBoot> {
  const { guest, folder, payload, db, profile } = plan
  mkdirSync(folder)
  const fresh = makeMeasuredUki(guest, folder)
  const uki = plan.rotated ? rotatePolicies(fresh, folder) : fresh
  const parents = profile === 'main' ? PARENTS[guest] : PARENTS[guest].slice(-1)
  const target = await makeTarget(guest, parents, folder)
  const pcr11 = (phase: string) => calculatePcr11(uki.path, phase, PROFILES.indexOf(profile))
  const into = sealedFolder(payload, guest)
  const credentials = join(into, SEALED_FILES.credentials)
  const sealInto = (recipes: readonly SealRecipe[]) => seal(target, recipes, credentials)

  const kinds = everyKind(target, { pcr11: pcr11('enter-initrd'), publicKey: uki.publicKey })
  const beside = sealInto(kinds)
  const global = sealInto(
    kinds.slice(0, 2).map((kind) => ({ ...kind, what: `global-${kind.what}` })),
  )
  const place = (directory: string, sealed: readonly Sealed[]) =>
    sealed.map(({ name }) => [`${directory}/${name}.cred`, join(credentials, `${name}.cred`)])
  const esp: EspFiles = {
    ...plan.esp,
    ...Object.fromEntries(place(EXTRA[profile], beside)),
    ...Object.fromEntries(place('loader/credentials', global)),
    ...addons(plan),
    ...(profile === 'second' && { 'loader/loader.conf': loaderConfiguration(folder) }),
  }
  const predicted = (name: string, files: EspFiles) =>
    predict(plan, uki.path, stage(files, join(folder, name)))
  const pcrs = predicted('esp', esp)
  const changed = { ...esp, ...changeFirst(place('loader/credentials', global), folder) }
  // On the partition itself they would change what they are sealed to.
  const bound = sealInto([
    { what: 'predicted', opens: 'in the initrd', options: ['--tpm2-pcrs', pcrs] },
    { what: 'other-esp', opens: 'never', options: ['--tpm2-pcrs', predicted('other', changed)] },
  ])
  const moved = plan.rotated ? [rotateCredential(target, folder, credentials)] : []
  copyFileSync(target.hostSecret, join(into, SEALED_FILES.hostSecret))
  copyFileSync(target.storageKeys.srk, join(into, SEALED_FILES.storageRootKey))
  const boot = profile === 'main' ? 'stub' : 'systemd-boot'
  return {
    options: { guest, payload, db, esp, tpm: target.tpm, uki: uki.path, boot },
    ...{ pcr11, pcrs },
    sealed: [...beside, ...global, ...bound, ...moved],
    delivered: [...beside, ...global],
  }
}

/** Predicts PCRs 11, 12 and 13 in the initrd. */
function predict({ guest, profile }: BootPlan, uki: string, esp: string): string {
  const path = profile === 'main' ? 'EFI/BOOT/BOOTX64.EFI' : UKI_PATH
  const where = ['--uki', uki, '--esp', esp, '--uki-path', path]
  const started = profile === 'main' ? ['--boot=direct'] : ['--boot=systemd-boot']
  const boot = [`--profile=${PROFILES.indexOf(profile)}`, '--secure-boot=on', ...started]
  const state = ['--initrd-version', `${SYSTEMD_VERSIONS[guest]}`, '--phase=enter-initrd']
  const form = ['--bank=sha256', '--format=tpm2-pcrs']
  return extsign(['pcr', 'predict', ...where, ...boot, ...state, ...form]).trim()
}

/** One addon for every UKI, one for this. */
function addons({ guest, folder, db, profile }: BootPlan): EspFiles {
  const make = (name: string) => {
    const addon = makePe(guest, folder, `${name}.addon.efi`, [`--cmdline=vmtest.addon=${name}`])
    return signForFirmware(guest, addon, db[0]!, folder)
  }
  return {
    'loader/addons/global.addon.efi': make('global'),
    [`${EXTRA[profile]}/own.addon.efi`]: make('own'),
  }
}

function loaderConfiguration(folder: string): string {
  const file = join(folder, 'loader.conf')
  writeFileSync(file, `timeout 0\ndefault *@${PROFILES[1]}\n`)
  return file
}

/** The first of these files with one more byte. */
function changeFirst(files: readonly (readonly string[])[], folder: string): EspFiles {
  const [path, file] = files[0]!
  const changed = join(folder, 'changed.cred')
  copyFileSync(file!, changed)
  writeFileSync(changed, '\n', { flag: 'a' })
  return { [path!]: changed }
}

/** The partition as a folder. */
function stage(files: EspFiles, folder: string): string {
  for (const [path, file] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    linkSync(file, join(folder, path))
  }
  return folder
}
