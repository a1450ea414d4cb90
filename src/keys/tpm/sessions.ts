/** Starting sessions whose key only the TPM and we know: the salt is encrypted to a storage key. */

import { StartAuthSession } from '../../formats/tpm2/commands.ts'
import { Algorithm, Handle } from '../../formats/tpm2/constants.ts'
import { shareSecret } from '../../formats/tpm2/secret-sharing.ts'
import { entityOf, type TpmConnection } from './connection.ts'
import { drawNonce, Session } from './session.ts'
import type { Parent } from './storage-keys.ts'

/** TPM_SE, part 2 §6.11. */
const SESSION_TYPES = { hmac: 0x00, policy: 0x01 } as const

/** Runs `use` with a session salted to `parent`; the session is flushed and its key overwritten. */
export async function withSession<Result>(
  connection: TpmConnection,
  type: keyof typeof SESSION_TYPES,
  parent: Parent,
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  const { random } = connection
  const caller = drawNonce(random)
  const { secret, encrypted } = shareSecret(parent.key, 'SECRET', random)
  const started = connection.run(StartAuthSession, {
    handles: [parent, entityOf(Handle.null)],
    parameters: {
      nonce: caller,
      encryptedSalt: encrypted,
      type: SESSION_TYPES[type],
      symmetric: { algorithm: Algorithm.aes, keyBits: 128, mode: Algorithm.cfb },
      hash: Algorithm.sha256,
    },
  })
  const { handle, response } = await started.catch((error) => {
    secret.fill(0)
    throw error
  })
  const session = new Session(handle, secret, { caller, tpm: response.nonce }, random)
  return connection.holding(handle, () => use(session)).finally(() => session.forget())
}
