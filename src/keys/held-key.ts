/** A private key in the memory of this process, as a signer. */

import { constants, type KeyObject, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { KeyError } from '../errors.ts'
import { examineRequest } from './purpose.ts'
import type { Signer } from './signer.ts'

/** Makes its signatures on other threads. */
const signAside = promisify(sign)

export interface HeldKey extends Signer {
  readonly isConcurrent: true
  /** Drops the key. Signing afterwards is an error. */
  forget(): void
}

/**
 * A signer with this key, for what `examineRequest` lets pass.
 *
 * @param path where it came from, for errors
 */
export function holdKey(key: KeyObject, path: string): HeldKey {
  let held: KeyObject | undefined = key
  return {
    isConcurrent: true,
    async sign(request) {
      if (!held) throw new KeyError('UNREADABLE', `private key ${path} was dropped`)
      examineRequest(request)
      const { digest, payload } = request
      const padding = constants.RSA_PKCS1_PADDING
      const input = { key: held, padding, dsaEncoding: 'der' as const }
      return new Uint8Array(await signAside(digest, payload, input))
    },
    forget() {
      held = undefined
    },
  }
}
