/** A prediction in the words of those who use it. */

import { toHex } from '../../bytes/hex.ts'
import { PolicyError } from '../../errors.ts'
import type { PcrBank } from '../../formats/tpm2/pcr.ts'
import { type PolicyOptions, policyOf, type UnsignedPolicy } from '../policy.ts'
import type { PredictedState, Prediction } from './prediction.ts'

/** What a policy covers where nothing else is asked for. */
export const PREDICTED_PCRS: readonly number[] = [11, 12, 13]

/**
 * PCRs with their values as `--tpm2-pcrs` takes them: `11:sha256=…+12:sha256=…`.
 *
 * @throws PolicyError NO_MATCH for a PCR or a bank that was not predicted.
 */
export function formatTpm2Pcrs(
  state: PredictedState,
  bank: PcrBank,
  pcrs: readonly number[] = PREDICTED_PCRS,
): string {
  const values = [...valuesOf(state, bank, pcrs)]
  return values.map(([pcr, value]) => `${pcr}:${bank}=${toHex(value)}`).join('+')
}

/**
 * A policy over several PCRs for each state and bank, to be signed.
 *
 * @throws PolicyError as {@link formatTpm2Pcrs}.
 */
export function predictedPolicies(
  { states, banks }: Pick<Prediction, 'states' | 'banks'>,
  pcrs: readonly number[] = PREDICTED_PCRS,
  options: PolicyOptions = {},
): readonly UnsignedPolicy[] {
  return states.flatMap((state) =>
    banks.map((bank) => policyOf({ bank, values: valuesOf(state, bank, pcrs) }, options)),
  )
}

function valuesOf(
  { pcrs: predicted }: PredictedState,
  bank: PcrBank,
  pcrs: readonly number[],
): ReadonlyMap<number, Uint8Array> {
  const values = predicted.get(bank)
  const ascending = [...new Set(pcrs)].sort((a, b) => a - b)
  return new Map(
    ascending.map((pcr) => {
      const value = values?.get(pcr)
      if (value) return [pcr, value]
      const known = values ? `${bank} has ${[...values.keys()].join(', ')}` : `no bank ${bank}`
      throw new PolicyError('NO_MATCH', `PCR ${pcr} of ${bank} is not predicted: ${known}`)
    }),
  )
}
