/** Sealing on the TPM itself: TPM2_Create in a session that hides the secret from the bus. */

import { TpmError } from '../../errors.ts'
import { Create } from '../../formats/tpm2/commands.ts'
import { Attribute } from '../../formats/tpm2/constants.ts'
import { POLICY_SIZE } from '../../formats/tpm2/policy.ts'
import { assertSizes, type SealedBlob, sealedArea } from '../../formats/tpm2/seal-offline.ts'
import { encodeSealedBlob } from '../../formats/tpm2/sealed-blob.ts'
import type { TpmConnection } from './connection.ts'
import { withSession } from './sessions.ts'
import type { Parent } from './storage-keys.ts'

const ATTRIBUTES =
  Attribute.fixedTpm | Attribute.fixedParent | Attribute.noDictionaryAttackProtection
const NONE = new Uint8Array()

/**
 * Seals a secret of 1 to 128 bytes, which the caller overwrites.
 *
 * @throws RangeError where secret or policy have an impossible size; TpmError
 */
export async function sealUnder(
  connection: TpmConnection,
  parent: Parent,
  secret: Uint8Array,
  policy: Uint8Array | undefined,
): Promise<SealedBlob> {
  assertSizes(secret, policy)
  const { private: privatePart, publicArea } = await withSession(
    connection,
    'hmac',
    parent,
    async (session) => {
      const { response } = await connection.run(Create, {
        handles: [parent],
        parameters: {
          sensitive: { authValue: NONE, data: secret },
          publicArea: sealedArea(ATTRIBUTES, policy, NONE),
          outsideInfo: NONE,
          creationPcrs: [],
        },
        authorizer: session,
        encryption: { command: true, response: true },
      })
      return response
    },
  )
  if (!('unique' in publicArea)) {
    throw new TpmError('BAD_RESPONSE', 'the TPM made a key where it was asked to seal')
  }
  return {
    blob: encodeSealedBlob({ private: privatePart, public: publicArea, seed: undefined }),
    policyHash: policy ? policy.slice() : new Uint8Array(POLICY_SIZE),
  }
}
