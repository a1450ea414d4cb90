/** A request becomes a response where the key is: nothing is needed but the file. */

import { toHex } from '../bytes/hex.ts'
import { KeyError } from '../errors.ts'
import type { Purpose } from '../formats/signing-purpose/parts.ts'
import {
  bytesOfItem,
  type RequestItem,
  type SignedItem,
  type SigningRequestFile,
  type SigningResponseFile,
} from '../formats/signing-request.ts'
import { askSigner, examineRequest } from '../keys/purpose.ts'
import type { SigningRequest } from '../keys/signer.ts'
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
  for (const item of request.items) {
    assertWanted(item, purposes)
    examineRequest(asked(item))
  }
  const { certificate } = signer
  const signatures = new Map<string, Uint8Array>()
  const items: SignedItem[] = []
  for (const item of request.items) {
    onItem?.(item)
    const { payload, subject } = item
    const key = toHex(payload)
    const signature = signatures.get(key) ?? (await askSigner(signer, asked(item)))
    if (!isSignatureValid(certificate, 'sha256', payload, signature)) {
      throw new KeyError('BAD_SIGNATURE', `the signature for ${subject} does not verify`)
    }
    signatures.set(key, signature)
    items.push({ ...item, signature })
  }
  return { certificate: certificate.der, items }
}

function asked(item: RequestItem): SigningRequest {
  return { ...bytesOfItem(item), subject: item.subject, digest: 'sha256' }
}

function assertWanted({ purpose, subject }: RequestItem, purposes: readonly Purpose[]): void {
  if (purposes.includes(purpose)) return
  const message = `${subject}: its purpose is ${purpose}, not ${purposes.join(' or ')}`
  throw new KeyError('UNSUPPORTED', message, { hint: `--purpose ${purpose} allows it` })
}
