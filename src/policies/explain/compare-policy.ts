/** A machine beside what was sealed or signed: policies, and the policy of a credential. */

import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import { PolicyError } from '../../errors.ts'
import { decodeCredential } from '../../formats/credential/decode.ts'
import { findPcrSignature, type PcrSignatures } from '../../formats/pcr-signature.ts'
import { findPcrBank, type PcrBank, pcrsOf } from '../../formats/tpm2/pcr.ts'
import { extendPolicyPcr, POLICY_SIZE, policyDigest } from '../../formats/tpm2/policy.ts'
import { parsePolicyKey } from '../../formats/tpm2/policy-key.ts'
import { type Comparison, compareValues } from './comparison.ts'
import { type Observation, observedValue } from './observation.ts'

/**
 * Whether the state of a machine is one that the policies of a file allow: one comparison for each
 * bank and set of PCRs that is known of the machine.
 *
 * @throws PolicyError NO_MATCH where nothing of what they cover is known.
 */
export function comparePolicies(
  signatures: PcrSignatures,
  observation: Observation,
): readonly Comparison[] {
  const groups = [...signatures].flatMap(([bank, entries]) =>
    [...new Set(entries.map(({ pcrMask }) => pcrMask))].map((mask) => ({ bank, mask })),
  )
  const comparisons = groups.flatMap(({ bank, mask }): Comparison[] => {
    const policy = currentPolicy(observation, bank, mask)
    if (policy === undefined) return []
    const entries = signatures.get(bank)!.filter(({ pcrMask }) => pcrMask === mask)
    const position = entries.findIndex((entry) => equalBytes(entry.policy, policy))
    const what = `policies over PCR ${pcrsOf(mask).join(', ')} of ${bank}`
    const found = toHex(policy)
    return position < 0
      ? [{ what, ok: false, expected: `one of ${entries.length}`, found }]
      : [{ what, ok: true, detail: `the state is number ${position + 1}: ${found}` }]
  })
  if (comparisons.length > 0) return comparisons
  const wanted = groups.map(({ bank, mask }) => `${pcrsOf(mask).join('+')} of ${bank}`)
  throw new PolicyError('NO_MATCH', `the PCRs of the policies are not known: ${wanted.join(', ')}`)
}

/**
 * Whether a machine can open a credential, as far as its PCRs decide.
 *
 * @param signatures signed policies, for a credential that needs one
 * @throws FormatError where it is none; PolicyError NO_MATCH where PCRs are not known.
 */
export function compareCredential(
  credential: Uint8Array,
  observation: Observation,
  signatures: PcrSignatures | undefined,
): readonly Comparison[] {
  const { tpm2, publicKey } = decodeCredential(credential).headers
  if (tpm2 === undefined) {
    return [{ what: 'TPM', ok: true, detail: 'it is not sealed to one, its PCRs do not matter' }]
  }
  const bank = findPcrBank(tpm2.bank)
  if (bank === undefined) {
    const name = `0x${tpm2.bank.toString(16)}`
    throw new PolicyError('NO_MATCH', `it is sealed to PCRs of the unknown bank ${name}`)
  }
  const literal = compareLiteral(tpm2, publicKey?.pem, bank, observation)
  if (publicKey === undefined) return [literal]
  return [literal, ...compareSigned(publicKey, bank, observation, signatures)]
}

interface Sealed {
  readonly pcrMask: number
  readonly policyHash: Uint8Array
}

/** The whole policy follows from the values that it is literal about. */
function compareLiteral(
  { pcrMask, policyHash }: Sealed,
  publicKeyPem: Uint8Array | undefined,
  bank: PcrBank,
  observation: Observation,
): Comparison {
  if (pcrMask === 0) {
    return { what: 'PCRs', ok: true, detail: 'it does not ask for values of PCRs themselves' }
  }
  const values = demandValues(observation, bank, pcrMask)
  const authorize = publicKeyPem && { publicKeyPem }
  const policy = policyDigest({ literal: { bank, values }, authorize })
  return compareValues(
    `policy over PCR ${pcrsOf(pcrMask).join(', ')} of ${bank}`,
    policyHash,
    policy,
  )
}

function compareSigned(
  { pcrMask, pem }: { readonly pcrMask: number; readonly pem: Uint8Array },
  bank: PcrBank,
  observation: Observation,
  signatures: PcrSignatures | undefined,
): readonly Comparison[] {
  if (signatures === undefined) return []
  const policy = extendPolicyPcr(new Uint8Array(POLICY_SIZE), {
    bank,
    values: demandValues(observation, bank, pcrMask),
  })
  const { fingerprint } = parsePolicyKey(pem)
  const found = findPcrSignature(signatures, { bank, pcrMask, fingerprint, policy })
  const what = `signed policy over PCR ${pcrsOf(pcrMask).join(', ')} of ${bank}`
  return found.kind === 'found'
    ? [{ what, ok: true, detail: toHex(policy) }]
    : [{ what, ok: false, expected: MISSING[found.field], found: toHex(policy) }]
}

const MISSING = {
  bank: 'an entry for this bank: there is none',
  key: 'an entry by the key of the credential: there is none',
  pcrs: 'an entry over these PCRs: there is none',
  policy: 'an entry for the state of the machine: there is none',
  signature: 'a signature: nobody has signed the entry yet',
} as const

function currentPolicy(
  observation: Observation,
  bank: PcrBank,
  mask: number,
): Uint8Array | undefined {
  const values = findValues(observation, bank, mask)
  return values && extendPolicyPcr(new Uint8Array(POLICY_SIZE), { bank, values })
}

function demandValues(observation: Observation, bank: PcrBank, mask: number) {
  const values = findValues(observation, bank, mask)
  if (values) return values
  const missing = pcrsOf(mask).filter((pcr) => !observedValue(observation, bank, pcr))
  throw new PolicyError('NO_MATCH', `PCR ${missing.join(', ')} of ${bank} is not known`, {
    hint: 'give the values with --dump, or logs that have digests of this bank',
  })
}

function findValues(
  observation: Observation,
  bank: PcrBank,
  mask: number,
): ReadonlyMap<number, Uint8Array> | undefined {
  const values = new Map<number, Uint8Array>()
  for (const pcr of pcrsOf(mask)) {
    const value = observedValue(observation, bank, pcr)
    if (value === undefined) return undefined
    values.set(pcr, value)
  }
  return values
}
