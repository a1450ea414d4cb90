/** Fulfilling a policy: the TPM looks at its PCRs, and at a signature that approves of them. */

import { concat } from '../../bytes/concat.ts'
import { equalBytes } from '../../bytes/equal.ts'
import { sha256 } from '../../crypto/sha256.ts'
import { TpmError } from '../../errors.ts'
import { findPcrSignature, type PcrSignatures } from '../../formats/pcr-signature.ts'
import {
  LoadExternal,
  PolicyAuthorize,
  PolicyGetDigest,
  PolicyPcr,
  VerifySignature,
} from '../../formats/tpm2/commands.ts'
import { Algorithm, Handle } from '../../formats/tpm2/constants.ts'
import { type PcrBank, pcrBankAlgorithm, pcrsOf } from '../../formats/tpm2/pcr.ts'
import type { PolicyKey } from '../../formats/tpm2/policy-key.ts'
import { ResponseCode } from '../../formats/tpm2/response-code.ts'
import { entityOf, isRefusal, type TpmConnection } from './connection.ts'
import type { Session } from './session.ts'

/** A policy with everything that is needed to fulfil it. */
export interface Policy {
  readonly bank: PcrBank
  /** Literal PCRs; 0 is none. */
  readonly pcrMask: number
  readonly authorize:
    | { readonly key: PolicyKey; readonly pcrMask: number; readonly signatures: PcrSignatures }
    | undefined
  /** What the session must have in the end. */
  readonly digest: Uint8Array
}

const NONE = new Uint8Array()

/** The two sessions of an operation. */
export interface Sessions {
  /** The one that fulfils the policy. */
  readonly policy: Session
  /** The one that shows that answers are the TPM's, which a policy session cannot. */
  readonly witness: Session
}

/**
 * Brings a policy session to the state that opens the object.
 *
 * @throws TpmError NO_SIGNATURE, BAD_SIGNATURE, WRONG_PCRS
 */
export async function fulfil(
  connection: TpmConnection,
  sessions: Sessions,
  policy: Policy,
): Promise<void> {
  const { authorize: wanted, bank, pcrMask } = policy
  if (wanted) await authorize(connection, sessions, bank, wanted)
  if (pcrMask !== 0) await lookAtPcrs(connection, sessions.policy, bank, pcrMask)
  const digest = await readDigest(connection, sessions)
  if (!equalBytes(digest, policy.digest)) throw wrongPcrs(policy)
}

/** What to say where PCRs have other values than those sealed for. */
export function wrongPcrs({ bank, pcrMask }: Policy): TpmError {
  const pcrs = pcrsOf(pcrMask).join('+')
  return new TpmError('WRONG_PCRS', `PCR ${pcrs} (${bank}) is not what this was sealed for`, {
    hint: 'another kernel, firmware or boot phase; seal again for the state of now',
  })
}

async function authorize(
  connection: TpmConnection,
  sessions: Sessions,
  bank: PcrBank,
  { key, pcrMask, signatures }: NonNullable<Policy['authorize']>,
): Promise<void> {
  await lookAtPcrs(connection, sessions.policy, bank, pcrMask)
  const approved = await readDigest(connection, sessions)
  const wanted = { bank, pcrMask, fingerprint: key.fingerprint, policy: approved }
  const found = findPcrSignature(signatures, wanted)
  if (found.kind === 'missing') throw noSignature(found.field, bank, pcrMask)
  const { handle } = await connection.run(LoadExternal, {
    parameters: { private: NONE, publicArea: key.area, hierarchy: Handle.owner },
  })
  await connection.holding(handle, async () => {
    const ticket = await verify(connection, { handle, name: key.name }, approved, found.signature)
    await connection.run(PolicyAuthorize, {
      handles: [entityOf(sessions.policy.handle)],
      parameters: { approved, reference: NONE, keyName: key.name, ticket },
    })
  })
}

async function verify(
  connection: TpmConnection,
  key: { readonly handle: number; readonly name: Uint8Array },
  approved: Uint8Array,
  signature: Uint8Array,
) {
  try {
    const { response } = await connection.run(VerifySignature, {
      handles: [key],
      parameters: {
        // The policy and an empty reference.
        digest: sha256(concat(approved, NONE)),
        signature: { scheme: Algorithm.rsassa, hash: Algorithm.sha256, signature },
      },
    })
    return response.ticket
  } catch (cause) {
    if (!isRefusal(cause, ResponseCode.signature)) throw cause
    const { responseCode } = cause
    throw new TpmError('BAD_SIGNATURE', 'the signature of the PCR policy does not verify', {
      cause,
      responseCode,
      hint: 'it must be RSASSA-PKCS1-v1_5 with SHA-256, in every bank',
    })
  }
}

async function lookAtPcrs(
  connection: TpmConnection,
  session: Session,
  bank: PcrBank,
  mask: number,
): Promise<void> {
  // No digest: whatever the values are now goes into the policy.
  await connection.run(PolicyPcr, {
    handles: [entityOf(session.handle)],
    parameters: { digest: NONE, pcrs: [{ bank: pcrBankAlgorithm(bank), mask }] },
  })
}

/** Which signature is presented, and what is said of the PCRs, rests on this answer. */
async function readDigest(connection: TpmConnection, sessions: Sessions): Promise<Uint8Array> {
  const { response } = await connection.run(PolicyGetDigest, {
    handles: [entityOf(sessions.policy.handle)],
    parameters: {},
    authorizer: sessions.witness,
    audit: true,
  })
  return response.digest
}

function noSignature(field: string, bank: PcrBank, mask: number): TpmError {
  const pcrs = pcrsOf(mask).join('+')
  const facts: Readonly<Record<string, string>> = {
    bank: `no signature for bank ${bank}`,
    key: 'no signature by the key this was sealed for',
    pcrs: `no signature of this key for PCR ${pcrs} alone`,
    policy: `no signature approves of PCR ${pcrs} (${bank}) as it is now`,
    signature: `the policy of PCR ${pcrs} (${bank}) as it is now is listed and not signed`,
  }
  const fact = facts[field] ?? field
  const hint = {
    key: 'the image was signed by another key; --tpm2-signature names another file',
    policy: 'wrong kernel image, wrong boot phase, or something extended the PCR',
  }[field]
  return new TpmError('NO_SIGNATURE', fact, { hint })
}
