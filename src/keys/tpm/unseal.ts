/** Unsealing: import if it was sealed elsewhere, load, fulfil the policy, and take the secret. */

import { equalBytes } from '../../bytes/equal.ts'
import { TpmError } from '../../errors.ts'
import type { PcrSignatures } from '../../formats/pcr-signature.ts'
import { Import, Load, Unseal } from '../../formats/tpm2/commands.ts'
import { Algorithm } from '../../formats/tpm2/constants.ts'
import { type PcrBank, pcrsOf } from '../../formats/tpm2/pcr.ts'
import { extendPolicyAuthorize, extendPolicyPcr, POLICY_SIZE } from '../../formats/tpm2/policy.ts'
import { type PolicyKey, parsePolicyKey } from '../../formats/tpm2/policy-key.ts'
import { objectName } from '../../formats/tpm2/public-area.ts'
import { ResponseCode } from '../../formats/tpm2/response-code.ts'
import { decodeSealedBlob, type SealedObject } from '../../formats/tpm2/sealed-blob.ts'
import { type Entity, isRefusal, type TpmConnection } from './connection.ts'
import { readPcrs } from './pcrs.ts'
import { fulfil, type Policy, wrongPcrs } from './policy-session.ts'
import type { Session } from './session.ts'
import { withSession } from './sessions.ts'
import { type Parent, type ParentChoice, withParent } from './storage-keys.ts'

export interface UnsealInput {
  readonly blob: Uint8Array
  /** 32 bytes; zeros where there is no policy. */
  readonly policyHash: Uint8Array
  readonly parent: ParentChoice
  /** Literal PCRs; 0 is none. */
  readonly pcrMask: number
  readonly bank: PcrBank
  /** Who may approve of PCR values, and what is approved. */
  readonly authorize?:
    | {
        readonly publicKeyPem: Uint8Array
        readonly pcrMask: number
        readonly signatures: PcrSignatures
      }
    | undefined
}

/** PCRs that change between the policy and the secret: so often it is tried again. */
const MAX_TRIES = 30

/**
 * The secret of a sealed object. The caller overwrites it.
 *
 * @throws TpmError OTHER_TPM, WRONG_PCRS, WRONG_POLICY, NO_SIGNATURE, BAD_SIGNATURE, NO_KEY,
 *   LOCKED_OUT, …; FormatError where blob, parent or key are none.
 */
export async function unseal(connection: TpmConnection, input: UnsealInput): Promise<Uint8Array> {
  const sealed = decodeSealedBlob(input.blob)
  if (!equalBytes(sealed.public.authPolicy, input.policyHash)) {
    throw new TpmError('WRONG_POLICY', 'the sealed object has another policy than its header says')
  }
  return withParent(connection, input.parent, (parent) =>
    withSession(connection, 'hmac', parent, async (session) => {
      const policy = await preparePolicy(connection, session, input)
      return withObject(connection, session, parent, sealed, (object) =>
        takeSecret(connection, session, parent, object, policy),
      )
    }),
  )
}

/** Computes beforehand what the session will have, so that what is wrong can be said in words. */
async function preparePolicy(
  connection: TpmConnection,
  session: Session,
  input: UnsealInput,
): Promise<Policy> {
  const { bank, pcrMask, policyHash: digest } = input
  const values = await readPcrs(connection, session, bank, pcrMask)
  const withPcrs = (start: Uint8Array) =>
    pcrMask === 0 ? start : extendPolicyPcr(start, { bank, values })
  if (!input.authorize) {
    const policy: Policy = { bank, pcrMask, authorize: undefined, digest }
    if (equalBytes(withPcrs(new Uint8Array(POLICY_SIZE)), digest)) return policy
    if (pcrMask !== 0) throw wrongPcrs(policy)
    throw new TpmError('WRONG_POLICY', 'sealed with a policy of which nothing is known here', {
      hint: 'a PIN, or a policy of systemd-pcrlock in an NV index: systemd-creds makes neither',
    })
  }
  const { publicKeyPem, signatures, pcrMask: keyMask } = input.authorize
  const policyFor = (key: PolicyKey): Policy => ({
    bank,
    pcrMask,
    authorize: { key, signatures, pcrMask: keyMask },
    digest,
  })
  const key = parsePolicyKey(publicKeyPem)
  const candidates = [key, parsePolicyKey(publicKeyPem, { zeroExponent: true })]
  const fitting = candidates.find(({ name }) =>
    equalBytes(withPcrs(extendPolicyAuthorize(name)), digest),
  )
  if (fitting) return policyFor(fitting)
  if (pcrMask !== 0) throw wrongPcrs(policyFor(key))
  throw new TpmError('WRONG_POLICY', 'sealed for the signatures of another key than this one')
}

/** Brings the object into the TPM for as long as `use` takes. */
async function withObject<Result>(
  connection: TpmConnection,
  session: Session,
  parent: Parent,
  sealed: SealedObject,
  use: (object: Entity) => Promise<Result>,
): Promise<Result> {
  const name = objectName(sealed.public)
  const load = async () => {
    const authorized = { handles: [parent], authorizer: session }
    const { seed, public: publicArea } = sealed
    try {
      const privatePart = seed
        ? (
            await connection.run(Import, {
              ...authorized,
              parameters: {
                encryptionKey: new Uint8Array(),
                publicArea,
                duplicate: sealed.private,
                seed,
                symmetric: { algorithm: Algorithm.null },
              },
            })
          ).response.private
        : sealed.private
      const parameters = { private: privatePart, publicArea }
      return (await connection.run(Load, { ...authorized, parameters })).handle
    } catch (error) {
      throw explainLoading(error, parent, seed !== undefined)
    }
  }
  const handle = await load()
  return connection.holding(handle, () => use({ handle, name }))
}

async function takeSecret(
  connection: TpmConnection,
  witness: Session,
  parent: Parent,
  object: Entity,
  policy: Policy,
): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await withSession(connection, 'policy', parent, async (session) => {
        await fulfil(connection, { policy: session, witness }, policy)
        const { response } = await connection.run(Unseal, {
          handles: [object],
          parameters: {},
          authorizer: session,
          encryption: { response: true },
        })
        return response.data
      })
    } catch (error) {
      const again = isRefusal(error, ResponseCode.pcrChanged) && attempt < MAX_TRIES
      if (!again) throw explainUnsealing(error, policy)
    }
  }
}

function explainLoading(error: unknown, parent: Parent, imported: boolean): unknown {
  const isOther =
    isRefusal(error, ResponseCode.integrity) ||
    // A seed for another kind or size of key cannot even be decrypted.
    (imported && (isRefusal(error, ResponseCode.value) || isRefusal(error, ResponseCode.size)))
  if (!isOther) return error
  const kind = { srk: 'storage root key', legacy: 'legacy primary key', other: 'storage key' }
  const message = `not sealed for the ${kind[parent.key.template]} of this TPM`
  return new TpmError('OTHER_TPM', message, {
    cause: error,
    responseCode: error.responseCode,
    hint: 'it was sealed for another TPM or another of its keys, or the TPM was cleared since',
  })
}

function explainUnsealing(error: unknown, policy: Policy): unknown {
  if (!isRefusal(error, ResponseCode.policyFail)) return error
  const { responseCode } = error
  const pcrs = pcrsOf(policy.pcrMask | (policy.authorize?.pcrMask ?? 0)).join('+')
  const message = `the policy is not fulfilled any more: PCR ${pcrs} has changed`
  return new TpmError('WRONG_PCRS', message, { cause: error, responseCode })
}
