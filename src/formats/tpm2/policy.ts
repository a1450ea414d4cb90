/**
 * Policy digests, computed without a TPM: what must hold before a sealed object opens.
 *
 * See TPM 2.0 Library part 3 §23.7 (PolicyPCR), §23.16 (PolicyAuthorize), §23.17 (PolicyAuthValue).
 * The hash is SHA-256 in every bank. Parts apply in the order in which systemd runs them.
 */

import { concat } from '../../bytes/concat.ts'
import { sha256 } from '../../crypto/sha256.ts'
import { CommandCode } from './command-codes.ts'
import { type PcrBank, PcrSelections, pcrBankAlgorithm, pcrMask, pcrSize } from './pcr.ts'
import { parsePolicyKey } from './policy-key.ts'
import { u32 } from './wire.ts'

/** PCR values that must be there, by their numbers. */
export interface LiteralPcrs {
  readonly bank: PcrBank
  /** PCR to value; the value has the size of the bank's digest. */
  readonly values: ReadonlyMap<number, Uint8Array>
}

export interface PolicyParts {
  readonly literal?: LiteralPcrs | undefined
  /** A key that may approve of PCR values later: an RSA public key in PEM. */
  readonly authorize?: { readonly publicKeyPem: Uint8Array } | undefined
  /** A PIN on top. Credentials have none. */
  readonly pin?: boolean | undefined
}

/** Bytes of every policy digest. */
export const POLICY_SIZE = 32

/**
 * The digest of a whole policy: 32 bytes, zeros where nothing is demanded.
 *
 * @throws FormatError where the public key is of no use, RangeError for PCRs that there are not or
 *   values of another size than the bank's.
 */
export function policyDigest({ literal, authorize, pin }: PolicyParts): Uint8Array {
  let digest: Uint8Array = new Uint8Array(POLICY_SIZE)
  if (authorize) digest = extendPolicyAuthorize(parsePolicyKey(authorize.publicKeyPem).name)
  if (literal && literal.values.size > 0) digest = extendPolicyPcr(digest, literal)
  if (pin) digest = sha256(digest, u32.write(CommandCode.policyAuthValue))
  return digest
}

/** What PolicyPCR makes of a digest. @throws RangeError as {@link policyDigest}. */
export function extendPolicyPcr(digest: Uint8Array, { bank, values }: LiteralPcrs): Uint8Array {
  const mask = pcrMask(values.keys())
  const selection = PcrSelections.write([{ bank: pcrBankAlgorithm(bank), mask }])
  return sha256(digest, u32.write(CommandCode.policyPcr), selection, pcrDigest(bank, values))
}

/** What PolicyAuthorize leaves: it forgets what was before. There is no policy reference. */
export function extendPolicyAuthorize(keyName: Uint8Array): Uint8Array {
  const approved = sha256(
    new Uint8Array(POLICY_SIZE),
    u32.write(CommandCode.policyAuthorize),
    keyName,
  )
  return sha256(approved)
}

/** The digest of PCR values in ascending order of their numbers. */
export function pcrDigest(bank: PcrBank, values: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const ascending = [...values].sort(([a], [b]) => a - b)
  for (const [pcr, value] of ascending) {
    if (value.length === pcrSize(bank)) continue
    throw new RangeError(`PCR ${pcr} has ${value.length} bytes, ${bank} has ${pcrSize(bank)}`)
  }
  return sha256(concat(...ascending.map(([, value]) => value)))
}
