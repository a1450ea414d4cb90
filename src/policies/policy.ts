/**
 * A state of the PCRs as a policy that can be approved: its digest, the bytes to sign, the entry in
 * the file.
 *
 * See TPM 2.0 Library part 3 §23.7 (PolicyPCR) and systemd src/measure/measure-tool.c.
 */

import type { BankedSignature } from '../formats/pcr-signature-document.ts'
import type { PolicyEvidence } from '../formats/signing-purpose/parts.ts'
import { pcrMask } from '../formats/tpm2/pcr.ts'
import { extendPolicyPcr, type LiteralPcrs, POLICY_SIZE } from '../formats/tpm2/policy.ts'
import { KERNEL_BOOT_PCR } from '../formats/uki/sections.ts'
import type { PhaseValues } from './measure.ts'

export interface PolicyOptions {
  /** SHA-256 of the key in PKCS#1 form, where it is known. */
  readonly fingerprint?: Uint8Array | undefined
  /** Limits a signature to what was enrolled for this reference; since systemd 262. */
  readonly reference?: string | undefined
}

/** An entry that is not signed yet, and what it was computed from. */
export interface UnsignedPolicy extends BankedSignature {
  readonly evidence: PolicyEvidence
}

/** The entry that approves of PCR values, not signed yet. */
export function policyOf(state: LiteralPcrs, options: PolicyOptions = {}): UnsignedPolicy {
  const reference = options.reference || undefined
  const { bank, values } = state
  return {
    evidence: { bank, values, ...(reference !== undefined && { reference }) },
    bank,
    entry: {
      pcrMask: pcrMask(state.values.keys()),
      fingerprint: options.fingerprint,
      reference,
      policy: extendPolicyPcr(new Uint8Array(POLICY_SIZE), state),
      signature: undefined,
    },
  }
}

/** The entries for PCR 11 in each phase, in the order of systemd-measure: banks within phases. */
export function policiesOf(
  phases: readonly PhaseValues[],
  options: PolicyOptions = {},
): readonly UnsignedPolicy[] {
  return phases.flatMap(({ values }) =>
    [...values].map(([bank, value]) =>
      policyOf({ bank, values: new Map([[KERNEL_BOOT_PCR, value]]) }, options),
    ),
  )
}
