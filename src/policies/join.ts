/**
 * Signatures that come back from whoever holds the key: matched to the policies that wait for them,
 * and checked before they are placed anywhere.
 */

import { equalBytes } from '../bytes/equal.ts'
import { toHex } from '../bytes/hex.ts'
import { PolicyError } from '../errors.ts'
import type { PcrSignatures } from '../formats/pcr-signature.ts'
import { type BankedSignature, policyPayload } from '../formats/pcr-signature-document.ts'
import { isPolicySignatureValid, type PolicyPublicKey } from '../keys/policy-key.ts'
import { attachPolicySignature } from './sign.ts'

/** What came back: the JSON with `sig` filled in, or bare signatures. */
export interface ReturnedSignatures {
  readonly documents: readonly { readonly name: string; readonly signatures: PcrSignatures }[]
  readonly bare: readonly { readonly name: string; readonly signature: Uint8Array }[]
}

/** The policies with their signatures, and those nobody has signed. */
export interface JoinedSignatures {
  readonly signed: readonly BankedSignature[]
  readonly unsigned: readonly BankedSignature[]
}

/**
 * Finds the signature of each policy among those that came back.
 *
 * @throws KeyError BAD_SIGNATURE, MISMATCH; PolicyError NO_MATCH for one that belongs to no policy.
 */
export function joinSignatures(
  policies: readonly BankedSignature[],
  returned: ReturnedSignatures,
  publicKey: PolicyPublicKey,
): JoinedSignatures {
  const used = new Set<unknown>()
  const found = policies.map((policy) => {
    const match = findReturned(policy, returned, publicKey)
    if (!match) return { policy, signed: undefined }
    used.add(match.origin)
    return { policy, signed: attachPolicySignature(policy, publicKey, match.signature) }
  })
  assertAllUsed(returned, used)
  return {
    signed: found.flatMap(({ signed }) => signed ?? []),
    unsigned: found.flatMap(({ policy, signed }) => (signed ? [] : policy)),
  }
}

function findReturned(
  { bank, entry }: BankedSignature,
  { documents, bare }: ReturnedSignatures,
  publicKey: PolicyPublicKey,
): { readonly origin: unknown; readonly signature: Uint8Array } | undefined {
  for (const { signatures } of documents) {
    const match = signatures
      .get(bank)
      ?.find(
        (each) =>
          each.signature &&
          each.pcrMask === entry.pcrMask &&
          each.reference === entry.reference &&
          equalBytes(each.policy, entry.policy),
      )
    if (match?.signature) return { origin: match, signature: match.signature }
  }
  // A bare signature does not say what it is of; the key does.
  const payload = policyPayload(entry)
  const match = bare.find(({ signature }) => isPolicySignatureValid(publicKey, payload, signature))
  return match && { origin: match, signature: match.signature }
}

/** A signature for nothing is a mistake: another image, another key, another hash. */
function assertAllUsed({ documents, bare }: ReturnedSignatures, used: ReadonlySet<unknown>): void {
  for (const { name, signatures } of documents) {
    for (const [bank, entries] of signatures) {
      const lost = entries.find((entry) => entry.signature && !used.has(entry))
      if (!lost) continue
      const message = `${name}: the signature of ${bank} policy ${toHex(lost.policy)} belongs to no policy asked for`
      throw new PolicyError('NO_MATCH', message, { hint: 'it may be of another image' })
    }
  }
  const lost = bare.find((each) => !used.has(each))
  if (!lost) return
  throw new PolicyError('NO_MATCH', `${lost.name} is the signature of none of the policies`, {
    hint: 'it must be RSASSA-PKCS1-v1_5 with SHA-256 over the bytes of one tbs',
  })
}
