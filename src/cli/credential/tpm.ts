/** The options that say for which TPM a credential is, and in which state the machine must be. */

import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { PcrSelection } from '../../credentials/pcr-selection.ts'
import { parsePcrSelection } from '../../credentials/pcr-selection.ts'
import type { TpmPolicy, TpmSealer } from '../../credentials/tpm-part.ts'
import { CredentialError } from '../../errors.ts'
import { readSmallFile } from '../../files/text.ts'
import type { PcrSignatures } from '../../formats/pcr-signature.ts'
import { pcrMask } from '../../formats/tpm2/pcr.ts'
import { compareVersions } from '../../formats/version.ts'
import type { Tpm } from '../../keys/tpm/index.ts'
import { option, type ValuesOf } from '../arguments.ts'
import { blame, UsageError } from '../errors.ts'
import { file, text, type ValueType } from '../types.ts'

const GROUP = 'TPM'
const LOCAL_TPM = '/dev/tpmrm0'
/** PCR 11: what was booted, as systemd-stub measures it. */
const DEFAULT_KEY_PCRS = 1 << 11
/** Folders in which systemd looks for public key and signatures. */
const FOLDERS = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd']

const pcrSelection: ValueType<PcrSelection> = {
  placeholder: 'PCR[:BANK=HEX][+…]',
  parse(value) {
    try {
      return parsePcrSelection(value)
    } catch (error) {
      if (!(error instanceof CredentialError)) throw error
      throw new UsageError(error.message, { hint: error.hint })
    }
  },
}

export const pcrNumbers: ValueType<number> = {
  placeholder: 'PCR[+PCR…]',
  parse(value) {
    const { bank, pcrs } = pcrSelection.parse(value)
    if (pcrs.size === 0) throw new UsageError('at least one PCR is needed')
    if (bank === undefined && ![...pcrs.values()].some((each) => each !== undefined)) {
      return pcrMask(pcrs.keys())
    }
    throw new UsageError('a signature covers PCRs in any state: only their numbers are given')
  },
}

export const tpmDeviceOption = {
  tpmDevice: option({
    long: 'tpm2-device',
    group: GROUP,
    type: text('DEVICE'),
    description: 'auto, /dev/tpmrm0, swtpm:path=SOCKET or swtpm:host=HOST,port=PORT',
  }),
}

export const tpmSealingOptions = {
  tpmDeviceKey: option({
    long: 'tpm2-device-key',
    group: GROUP,
    type: file,
    description: 'seal without the TPM, to this public storage key of it',
  }),
  ...tpmDeviceOption,
  tpmPcrs: option({
    long: 'tpm2-pcrs',
    group: GROUP,
    type: pcrSelection,
    acceptsEmpty: true,
    description: 'PCRs that must have these values, or those they have now; by default none',
  }),
  tpmPublicKey: option({
    long: 'tpm2-public-key',
    group: GROUP,
    type: file,
    description: 'key whose signed PCR policies must allow the state of the machine (PEM, RSA)',
  }),
  tpmPublicKeyPcrs: option({
    long: 'tpm2-public-key-pcrs',
    group: GROUP,
    type: pcrNumbers,
    description: 'PCRs that those policies cover; by default 11',
  }),
}

export const tpmOpeningOptions = {
  ...tpmDeviceOption,
  tpmSignature: option({
    long: 'tpm2-signature',
    group: GROUP,
    type: file,
    description: 'signed PCR policies; by default the tpm2-pcr-signature.json of this machine',
  }),
}

export type TpmValues = ValuesOf<typeof tpmSealingOptions>

/** Whether an option names a TPM or its key. */
export function namesTpm({ tpmDevice, tpmDeviceKey }: TpmValues): boolean {
  return tpmDevice !== undefined || tpmDeviceKey !== undefined
}

/** Whether this machine has a TPM. */
export async function hasLocalTpm(): Promise<boolean> {
  return isThere(LOCAL_TPM)
}

/** A TPM opened for sealing, or the key of one. */
export interface LoadedSealer {
  readonly sealer: TpmSealer
  readonly close: () => Promise<void>
}

/** @param targetVersion systemd that shall open it: decides which key of a TPM at hand is used */
export async function loadSealer(
  values: TpmValues,
  targetVersion: string | undefined,
): Promise<LoadedSealer> {
  const { tpmDevice, tpmDeviceKey } = values
  if (tpmDeviceKey !== undefined) {
    if (tpmDevice !== undefined) {
      throw new UsageError('--tpm2-device and --tpm2-device-key exclude each other')
    }
    const { parseStorageKey } = await import('../../formats/tpm2/storage-key.ts')
    const parse = async () => parseStorageKey(await readSmallFile(tpmDeviceKey))
    const parent = await parse().catch(blame(tpmDeviceKey))
    return { sealer: { kind: 'offline', parent }, close: async () => {} }
  }
  const tpm = await openDevice(tpmDevice)
  const isNew = targetVersion !== undefined && compareVersions(targetVersion, '262') >= 0
  const sealer = { kind: 'tpm', tpm, parent: isNew ? 'srk' : 'legacy' } as const
  return { sealer, close: () => tpm.close() }
}

/** @param wantsKey whether a public key is needed, or taken where this machine has one, or refused */
export async function loadPolicy(
  values: TpmValues,
  sealer: TpmSealer,
  wantsKey: 'yes' | 'found' | 'no',
): Promise<TpmPolicy> {
  const { bank = 'sha256', pcrs } = values.tpmPcrs ?? { pcrs: new Map() }
  const missing = [...pcrs].filter(([, value]) => value === undefined).map(([pcr]) => pcr)
  if (missing.length > 0 && sealer.kind === 'offline') {
    throw new UsageError(`--tpm2-pcrs: PCR ${missing.join(', ')} without a value`, {
      hint: 'without the TPM at hand the value to expect has to be given: 7:sha256=HEX',
    })
  }
  const found =
    missing.length > 0 && sealer.kind === 'tpm'
      ? await sealer.tpm.readPcrs(bank, pcrMask(missing), sealer.parent)
      : new Map<number, Uint8Array>()
  const given = [...pcrs].flatMap(([pcr, value]) => (value ? [[pcr, value] as const] : []))
  return {
    bank,
    literal: new Map([...given, ...found]),
    publicKey: await loadPublicKey(values, sealer, wantsKey),
  }
}

async function loadPublicKey(
  { tpmPublicKey, tpmPublicKeyPcrs }: TpmValues,
  sealer: TpmSealer,
  wantsKey: 'yes' | 'found' | 'no',
): Promise<TpmPolicy['publicKey']> {
  if (wantsKey === 'no') return undefined
  const searches = tpmPublicKey === undefined && sealer.kind === 'tpm'
  const path = searches ? await search('tpm2-pcr-public-key.pem') : tpmPublicKey
  if (path === undefined) {
    if (wantsKey === 'found' && tpmPublicKeyPcrs === undefined) return undefined
    throw new UsageError('--tpm2-public-key is missing')
  }
  const pem = await readSmallFile(path)
  const { parsePolicyKey } = await import('../../formats/tpm2/policy-key.ts')
  await (async () => parsePolicyKey(pem))().catch(blame(path))
  return { pcrMask: tpmPublicKeyPcrs ?? DEFAULT_KEY_PCRS, pem }
}

/** Opens the TPM that the option names, this machine's where it names none. @throws TpmError */
export async function openDevice(device = 'auto'): Promise<Tpm> {
  const { openTpm } = await import('../../keys/tpm/index.ts')
  return openTpm(device)
}

/** The signed policies of the option, or of this machine. @throws FileError, FormatError, UsageError */
export async function readSignatures(path: string | undefined): Promise<PcrSignatures> {
  const found = path ?? (await search('tpm2-pcr-signature.json'))
  if (found === undefined) {
    throw new UsageError('--tpm2-signature is missing: the credential needs a signed PCR policy')
  }
  const bytes = await readSmallFile(found)
  const { parsePcrSignatures } = await import('../../formats/pcr-signature.ts')
  return (async () => parsePcrSignatures(bytes))().catch(blame(found))
}

async function search(name: string): Promise<string | undefined> {
  for (const folder of FOLDERS) {
    if (await isThere(join(folder, name))) return join(folder, name)
  }
  return undefined
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
