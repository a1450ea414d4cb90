/** A signer of PCR policies whose key is in a file. It needs no certificate: nobody asks for one. */

import { createPublicKey } from 'node:crypto'
import { equalBytes } from '../bytes/equal.ts'
import { KeyError } from '../errors.ts'
import { holdKey } from './held-key.ts'
import { type PolicyPublicKey, policyKeyOfDer } from './policy-key.ts'
import { loadPrivateKey } from './private-key.ts'
import type { Signer } from './signer.ts'

/** A signer, the public key whose signatures it makes, and what to tell the user about the file. */
export interface PolicySigner extends Signer {
  readonly publicKey: PolicyPublicKey
  readonly warnings: readonly string[]
  /** Drops the key. Signing afterwards is an error. */
  forget(): void
}

export interface PolicySignerOptions {
  /** Path of the private key. */
  readonly privateKey: string
  readonly passphrase?: Uint8Array | undefined
  /** The key it has to be; by default whichever it is. */
  readonly publicKey?: PolicyPublicKey | undefined
}

/**
 * Opens a private key for signing PCR policies.
 *
 * @throws KeyError as `loadPrivateKey`, UNSUPPORTED for a key that never unlocks anything, MISMATCH
 */
export async function policySigner(options: PolicySignerOptions): Promise<PolicySigner> {
  const { privateKey: path, publicKey: wanted } = options
  const loaded = await loadPrivateKey(path, options.passphrase)
  const der = createPublicKey(loaded.key).export({ format: 'der', type: 'spki' })
  const publicKey = policyKeyOfDer(new Uint8Array(der), path)
  if (wanted && !equalBytes(wanted.fingerprint, publicKey.fingerprint)) {
    throw new KeyError('MISMATCH', `public key ${wanted.name} is for another key than ${path}`, {
      hint: 'extsign keys inspect shows which files belong together',
    })
  }
  const held = holdKey(loaded.key, path)
  return { ...held, publicKey: wanted ?? publicKey, warnings: loaded.warnings }
}
