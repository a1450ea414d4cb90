/** A request becomes a response where the key is: nothing is needed but the file. */

import { toHex } from '../bytes/hex.ts'
import { KeyError } from '../errors.ts'
import type {
  RequestItem,
  SignedItem,
  SigningRequestFile,
  SigningResponseFile,
} from '../formats/signing-request.ts'
import { findPayloadProblem, type Purpose } from '../keys/purpose.ts'
import type { LoadedSigner } from '../keys/signers/checked-signer.ts'
import { isSignatureValid } from '../keys/verify-signature.ts'

export interface SignRequestOptions {
  readonly request: SigningRequestFile
  readonly signer: LoadedSigner
  /** What may be signed. */
  readonly purposes: readonly Purpose[]
  /** Told about each item before it is signed. */
  readonly onItem?: ((item: RequestItem) => void) | undefined
}

/**
 * Signs every item, or none. The same bytes are signed once.
 *
 * @throws KeyError UNSUPPORTED for a purpose that is not wanted, BAD_SIGNATURE, and from the signer.
 */
export async function signRequest(options: SignRequestOptions): Promise<SigningResponseFile> {
  const { request, signer, purposes, onItem } = options
  for (const item of request.items) assertWanted(item, purposes)
  const { certificate } = signer
  const signatures = new Map<string, Uint8Array>()
  const items: SignedItem[] = []
  for (const item of request.items) {
    onItem?.(item)
    const { purpose, payload, subject } = item
    const key = `${purpose} ${toHex(payload)}`
    const signature =
      signatures.get(key) ?? (await signer.sign({ purpose, payload, subject, digest: 'sha256' }))
    if (!isSignatureValid(certificate, 'sha256', payload, signature)) {
      throw new KeyError('BAD_SIGNATURE', `the signature for ${subject} does not verify`)
    }
    signatures.set(key, signature)
    items.push({ ...item, signature })
  }
  return { certificate: certificate.der, items }
}

function assertWanted(item: RequestItem, purposes: readonly Purpose[]): void {
  const { purpose, subject } = item
  if (!purposes.includes(purpose)) {
    const message = `${subject}: its purpose is ${purpose}, not ${purposes.join(' or ')}`
    throw new KeyError('UNSUPPORTED', message, { hint: `--purpose ${purpose} allows it` })
  }
  const expected = findPayloadProblem(purpose, { payload: item.payload, digest: 'sha256' })
  if (expected === undefined) return
  throw new KeyError('UNSUPPORTED', `${subject}: what is signed must be ${expected}`)
}
