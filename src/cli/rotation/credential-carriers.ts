/** The credentials of a plan: what its table says, made into keys that open and seal. */

import { readHostSecret } from '../../credentials/host-secret.ts'
import { unsealTpmPart } from '../../credentials/tpm-part.ts'
import { TpmError } from '../../errors.ts'
import type { CredentialHeaders } from '../../formats/credential/headers.ts'
import type { Carrier } from '../../rotation/carrier.ts'
import { type CredentialTurn, credentialCarrier } from '../../rotation/credential.ts'
import type { Context } from '../context.ts'
import { loadPolicy, loadSealer, namesTpm, openDevice, readSignatures } from '../credential/tpm.ts'
import { UsageError } from '../errors.ts'
import { type Closing, once } from './once.ts'
import type { PlanTable } from './read-plan.ts'
import type { credentialFields } from './tables.ts'

interface CredentialTools {
  readonly context: Context
  readonly closing: Closing[]
  /** Whether TPMs are asked; else a credential that needs one cannot be told. */
  readonly asksTpm: boolean
}

/** @throws UsageError where the table does not say with what to seal. */
export function credentialCarriers(
  paths: readonly string[],
  { place, values }: PlanTable<typeof credentialFields>,
  { context, closing, asksTpm }: CredentialTools,
): readonly Carrier[] {
  const assertAsked = (device: string) => {
    if (asksTpm) return
    throw new TpmError('NOT_ASKED', `it needs the TPM '${device}', which only a run asks`)
  }
  const { hostSecret, tpmDevice, tpmSignature, allowNull } = values
  if (hostSecret === undefined && !namesTpm(values)) {
    throw new UsageError(`${place}: it does not say with what to seal`, {
      hint: 'host-secret, tpm2-device-key or tpm2-device',
    })
  }
  const turn: CredentialTurn = {
    from: {
      host: hostOf(values.oldHostSecret, closing),
      tpm: tpmOf(values.oldTpmDevice, values.oldTpmSignature, assertAsked),
      acceptNull: allowNull,
    },
    to: { host: hostOf(hostSecret, closing), tpm: tpmOf(tpmDevice, tpmSignature, assertAsked) },
    withTpm: namesTpm(values)
      ? async (use) => {
          if (tpmDevice !== undefined) assertAsked(tpmDevice)
          const { sealer, close } = await loadSealer(values, undefined)
          try {
            const wantsKey = values.tpmPublicKey === undefined ? 'no' : 'yes'
            return await use({ sealer, policy: await loadPolicy(values, sealer, wantsKey) })
          } finally {
            await close()
          }
        }
      : undefined,
    random: context.random,
  }
  return paths.map((path) => credentialCarrier(path, turn))
}

function hostOf(path: string | undefined, closing: Closing[]) {
  if (path === undefined) return undefined
  return once(async () => {
    const { secret, forget } = await readHostSecret(path)
    closing.push(async () => forget())
    return secret
  })
}

/** Opened anew each time: the same TPM may be sealed with next, and some take one guest only. */
function tpmOf(
  device: string | undefined,
  signatures: string | undefined,
  assertAsked: (device: string) => void,
) {
  if (device === undefined) return undefined
  return async (headers: CredentialHeaders) => {
    assertAsked(device)
    const tpm = await openDevice(device)
    try {
      return await unsealTpmPart(headers, tpm, () => readSignatures(signatures))
    } finally {
      await tpm.close()
    }
  }
}
