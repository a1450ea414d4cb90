/** Reading PCRs. */

import { TpmError } from '../../errors.ts'
import { PcrRead } from '../../formats/tpm2/commands.ts'
import { type PcrBank, pcrBankAlgorithm, pcrSize, pcrsOf } from '../../formats/tpm2/pcr.ts'
import type { TpmConnection } from './connection.ts'
import type { Authorizer } from './session.ts'

/** A TPM gives eight values at a time; 24 PCRs take three rounds, more means that it plays games. */
const MAX_ROUNDS = 24

/**
 * The values of the PCRs of a mask, ascending.
 *
 * @param session of the TPM; who does not know its key cannot answer instead
 * @throws TpmError NO_BANK where the TPM does not have them in this bank.
 */
export async function readPcrs(
  connection: TpmConnection,
  session: Authorizer,
  bank: PcrBank,
  mask: number,
): Promise<ReadonlyMap<number, Uint8Array>> {
  const values = new Map<number, Uint8Array>()
  const wanted = pcrsOf(mask)
  let left = mask
  for (let round = 0; left !== 0 && round < MAX_ROUNDS; round++) {
    const { response } = await connection.run(PcrRead, {
      parameters: { pcrs: [{ bank: pcrBankAlgorithm(bank), mask: left }] },
      authorizer: session,
      audit: true,
    })
    const selected = response.pcrs.find((each) => each.bank === pcrBankAlgorithm(bank))
    const pcrs = pcrsOf(left & (selected?.mask ?? 0))
    if (pcrs.length === 0) break
    for (const [index, pcr] of pcrs.entries()) {
      const value = response.values[index]
      if (value?.length !== pcrSize(bank)) {
        throw new TpmError('BAD_RESPONSE', `the TPM gives no ${bank} value of PCR ${pcr}`)
      }
      values.set(pcr, value)
      left &= ~(1 << pcr)
    }
  }
  if (left === 0) return new Map(wanted.map((pcr) => [pcr, values.get(pcr)!]))
  throw new TpmError('NO_BANK', `the TPM has no PCR ${pcrsOf(left).join(', ')} in bank ${bank}`, {
    hint: 'firmware decides which banks there are; tpm2_getcap pcrs lists them',
  })
}
