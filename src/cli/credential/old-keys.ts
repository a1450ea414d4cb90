/** The keys under which credentials were sealed that are to be sealed anew. */

import type { CredentialHeaders } from '../../formats/credential/headers.ts'
import type { Scope } from '../../formats/credential/keys.ts'
import type { PcrSignatures } from '../../formats/pcr-signature.ts'
import { flag, option, type ValuesOf } from '../arguments.ts'
import type { Context } from '../context.ts'
import { file, text } from '../types.ts'
import { sharedHostSecrets } from './keys.ts'
import { machineIdType, readMachineId } from './scope.ts'
import { openDevice, readSignatures } from './tpm.ts'

const GROUP = 'Old keys'

export const oldKeyOptions = {
  oldHostSecret: option({
    long: 'old-host-secret',
    group: GROUP,
    type: file,
    description:
      'the credential.secret with which they were sealed; by default that of this machine',
  }),
  oldMachineId: option({
    long: 'old-machine-id',
    group: GROUP,
    type: machineIdType,
    description: 'the machine for which those of users were sealed; by default this one',
  }),
  oldTpmDevice: option({
    long: 'old-tpm2-device',
    group: GROUP,
    type: text('DEVICE'),
    description: 'the TPM that opens them; by default that of this machine',
  }),
  oldTpmSignature: option({
    long: 'old-tpm2-signature',
    group: GROUP,
    type: file,
    description: 'signed PCR policies for it',
  }),
  allowNull: flag({
    long: 'allow-null',
    group: GROUP,
    description: 'take those with a null key too, which anybody could have made',
  }),
}

export type OldKeyValues = ValuesOf<typeof oldKeyOptions>

export interface OldKeys {
  host(scope: Scope | undefined): Promise<Uint8Array>
  tpm(headers: CredentialHeaders): Promise<Uint8Array>
  /** The machine of old credentials of users, where it is known. */
  machineId(): Promise<Uint8Array | undefined>
  /** Overwrites the host secrets. */
  forget(): Promise<void>
}

/** Nothing is opened before it is needed. */
export function oldKeys(values: OldKeyValues, context: Context): OldKeys {
  const hosts = sharedHostSecrets()
  let signatures: Promise<PcrSignatures> | undefined
  const options = {
    hostSecret: values.oldHostSecret,
    machineId: values.oldMachineId,
    uid: undefined,
    user: false,
    userName: undefined,
  }
  return {
    host: async (scope) => (await hosts.load(options, scope, context)).secret,
    async tpm(headers) {
      // Opened anew each time: the same TPM may be sealed with next, and some take one guest only.
      const { unsealTpmPart } = await import('../../credentials/tpm-part.ts')
      const tpm = await openDevice(values.oldTpmDevice)
      try {
        return await unsealTpmPart(headers, tpm, () => {
          signatures ??= readSignatures(values.oldTpmSignature)
          return signatures
        })
      } finally {
        await tpm.close()
      }
    },
    machineId: async () => values.oldMachineId ?? (await readMachineId()),
    forget: hosts.forget,
  }
}
