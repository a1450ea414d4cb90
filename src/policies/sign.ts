/**
 * Approving of PCR policies: what must be signed, the signature, the signed entry. With the key at
 * hand the three are one call; offline they are the same functions with a walk between them.
 */

import { equalBytes } from '../bytes/equal.ts'
import { toHex } from '../bytes/hex.ts'
import { KeyError } from '../errors.ts'
import { allOf } from '../files/all-of.ts'
import { type BankedSignature, policyPayload } from '../formats/pcr-signature-document.ts'
import { isPolicySignatureValid, type PolicyPublicKey } from '../keys/policy-key.ts'
import { askSigner } from '../keys/purpose.ts'
import type { Signer, SigningRequest } from '../keys/signer.ts'
import type { UnsignedPolicy } from './policy.ts'

/** Who signs, and the key that will be found to have done so. */
export interface PolicySigning {
  readonly signer: Signer
  readonly publicKey: PolicyPublicKey
}

/**
 * What must be signed for a policy: always with SHA-256, whatever the bank.
 *
 * @param subject what it is for, for whoever approves the signature
 */
export function requestPolicySignature(
  { entry, evidence }: UnsignedPolicy,
  subject: string,
): SigningRequest {
  return {
    purpose: 'pcr-policy',
    payload: policyPayload(entry),
    digest: 'sha256',
    subject,
    policy: evidence,
  }
}

/**
 * Puts a signature into an entry, after checking it: a wrong key, hash or padding must fail here and
 * not at boot.
 *
 * @throws KeyError BAD_SIGNATURE, MISMATCH where the entry is for another key.
 */
export function attachPolicySignature(
  { bank, entry }: BankedSignature,
  publicKey: PolicyPublicKey,
  signature: Uint8Array,
): BankedSignature {
  const { fingerprint } = publicKey
  if (entry.fingerprint && !equalBytes(entry.fingerprint, fingerprint)) {
    throw new KeyError(
      'MISMATCH',
      `${bank} policy ${toHex(entry.policy)} is for key ${toHex(entry.fingerprint)}, ${publicKey.name} is ${toHex(fingerprint)}`,
    )
  }
  if (!isPolicySignatureValid(publicKey, policyPayload(entry), signature)) {
    throw new KeyError(
      'BAD_SIGNATURE',
      `the signature of ${bank} policy ${toHex(entry.policy)} does not verify against ${publicKey.name}`,
      { hint: 'it must be RSASSA-PKCS1-v1_5 with SHA-256 in every bank, over the bytes of tbs' },
    )
  }
  return { bank, entry: { ...entry, fingerprint, signature } }
}

/**
 * Signs each policy. The same bytes are signed once.
 *
 * @throws KeyError from the signer, and as {@link attachPolicySignature}.
 */
export async function signPolicies(
  policies: readonly UnsignedPolicy[],
  { signer, publicKey }: PolicySigning,
  subject: string,
): Promise<readonly BankedSignature[]> {
  const signatures = new Map<string, Promise<Uint8Array>>()
  const signOne = async (policy: UnsignedPolicy) => {
    const request = requestPolicySignature(policy, subject)
    const key = toHex(request.payload)
    const signature = signatures.get(key) ?? askSigner(signer, request)
    signatures.set(key, signature)
    return attachPolicySignature(policy, publicKey, await signature)
  }
  if (signer.isConcurrent) return allOf(policies.map(signOne))
  const signed: BankedSignature[] = []
  for (const policy of policies) signed.push(await signOne(policy))
  return signed
}
