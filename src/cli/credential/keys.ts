/** What a credential is sealed with or opened with: the secret of a host, and whose it is. */

import { toHex } from '../../bytes/hex.ts'
import {
  HOST_SECRET_PATH,
  type LoadedHostSecret,
  readHostSecret,
} from '../../credentials/host-secret.ts'
import { FileError } from '../../errors.ts'
import type { Scope } from '../../formats/credential/keys.ts'
import { option, type ValuesOf } from '../arguments.ts'
import { type Context, environmentVariable } from '../context.ts'
import { file } from '../types.ts'
import { Recent } from './recent.ts'
import { readMachineId, type scopeOptions } from './scope.ts'

export const hostSecretOption = {
  hostSecret: option({
    long: 'host-secret',
    type: file,
    environment: 'SYSTEMD_CREDENTIAL_SECRET',
    description: `the credential.secret of the machine; by default ${HOST_SECRET_PATH}`,
  }),
}

type HostValues = ValuesOf<typeof hostSecretOption> & ValuesOf<typeof scopeOptions>

/** {@link loadHostSecret}, or another way to open host secrets. */
export type HostSecretLoader = typeof loadHostSecret

/** Path of the host's secret that the options, the environment or systemd's custom name. */
export function hostSecretPath(
  values: Partial<Pick<HostValues, 'hostSecret'>>,
  context: Context,
): string {
  const variable = environmentVariable(context, 'SYSTEMD_CREDENTIAL_SECRET')
  return values.hostSecret ?? variable ?? HOST_SECRET_PATH
}

/**
 * Opens the host's secret and checks to which machine it belongs, where that is known.
 *
 * @throws FileError, CredentialError BAD_HOST_SECRET
 */
export async function loadHostSecret(
  values: HostValues,
  scope: Scope | undefined,
  context: Context,
): Promise<LoadedHostSecret> {
  const path = hostSecretPath(values, context)
  // A secret named on the command line may be that of any machine.
  const local = values.hostSecret === undefined ? await readMachineId() : undefined
  const machineId = scope?.machineId ?? values.machineId ?? local
  try {
    return await readHostSecret(path, machineId)
  } catch (error) {
    if (!(error instanceof FileError) || error.code !== 'NOT_FOUND') throw error
    throw new FileError('NOT_FOUND', `there is no host secret ${path}`, {
      hint: 'name one with --host-secret, or make one with extsign cred setup',
      cause: error,
    })
  }
}

/** Host secrets that are opened once for many credentials; `forget` overwrites all of them. */
export function sharedHostSecrets(): {
  readonly load: HostSecretLoader
  readonly forget: () => Promise<void>
} {
  const overwrite = (opening: Promise<LoadedHostSecret>) =>
    opening.then(
      ({ forget }) => forget(),
      () => {},
    )
  const loaded = new Recent<Promise<LoadedHostSecret>>((opening) => void overwrite(opening))
  return {
    load: async (values, scope, context) => {
      const machineId = scope?.machineId ?? values.machineId
      const key = `${hostSecretPath(values, context)}\0${machineId && toHex(machineId)}`
      const known = loaded.get(key)
      const opening = known ?? loadHostSecret(values, scope, context)
      if (known === undefined) loaded.set(key, opening)
      return { ...(await opening), forget: () => {} }
    },
    forget: async () => {
      for (const opening of loaded.clear()) await overwrite(opening)
    },
  }
}
