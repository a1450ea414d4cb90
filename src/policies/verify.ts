/** Everything that can be said about signed PCR policies without a TPM. */

import { type Finding, judge, runChecks, type Verdict } from '../images/checks/finding.ts'
import type { PolicyPublicKey } from '../keys/policy-key.ts'
import { entries, fingerprint, publicKey, signature, signatures } from './checks/checks.ts'
import { coverage, states } from './checks/states.ts'
import { examinePolicies } from './checks/subject.ts'
import { openUkiFile } from './open-uki.ts'

export interface VerifyPoliciesOptions {
  /** A UKI. Without one, nothing says which states are reached. */
  readonly uki?: string | undefined
  /** A file with the JSON; by default what the UKI holds. */
  readonly signatures?: string | undefined
  /** The key that must have signed; by default the one in `.pcrpkey`. */
  readonly publicKey?: PolicyPublicKey | undefined
  /** Phases to look for beside those of an ordinary boot. */
  readonly phases?: readonly string[] | undefined
  readonly stubVersion?: number | undefined
}

export interface PolicyVerification {
  /**
   * `ok`: everything is as it must be. `unproven`: nothing is wrong, but no key could check the
   * signatures. `wrong`: something is.
   */
  readonly verdict: Verdict
  readonly findings: readonly Finding[]
}

const CHECKS = [signatures, publicKey, entries, fingerprint, signature, states, coverage]

/**
 * Recomputes what a UKI measures, and compares every entry of its signatures with it.
 *
 * @throws FormatError where the UKI is none, FileError where something cannot be read.
 */
export async function verifyPolicies(options: VerifyPoliciesOptions): Promise<PolicyVerification> {
  const { uki: path, stubVersion } = options
  const uki = path === undefined ? undefined : await openUkiFile(path, { stubVersion })
  try {
    const subject = await examinePolicies({
      uki,
      signatures: options.signatures,
      publicKey: options.publicKey,
      phases: options.phases ?? [],
    })
    const findings = await runChecks(subject, CHECKS)
    return { verdict: judge(findings), findings }
  } finally {
    await uki?.close()
  }
}
