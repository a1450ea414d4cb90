/** The policies of a whole UKI, signed. */

import type { UkiMeasurement } from './measure.ts'
import type { ProfileSignatures } from './place.ts'
import { policiesOf } from './policy.ts'
import { type PolicySigning, signPolicies } from './sign.ts'

export interface SignUkiOptions {
  /** Limits the signatures to what was enrolled for this reference; since systemd 262. */
  readonly reference?: string | undefined
  /** What it is for, for whoever approves the signatures. */
  readonly subject: string
}

/**
 * Signs every phase of every boot, one after the other: a key may be in a token that does one thing
 * at a time.
 *
 * @example
 * const uki = await openUkiFile('linux.efi')
 * const signer = await policySigner({ privateKey: 'pcr.key' })
 * const signing = { signer, publicKey: signer.publicKey }
 * const profiles = await signUki(await measureUki(uki), signing, { subject: 'linux.efi' })
 * await placeSignatures(uki, profiles, { output: 'linux.signed.efi' })
 *
 * @throws KeyError as {@link signPolicies}.
 */
export async function signUki(
  measurements: readonly UkiMeasurement[],
  signing: PolicySigning,
  { reference, subject }: SignUkiOptions,
): Promise<readonly ProfileSignatures[]> {
  const { fingerprint } = signing.publicKey
  const profiles: ProfileSignatures[] = []
  for (const { profile, phases } of measurements) {
    const policies = policiesOf(phases, { fingerprint, reference })
    profiles.push({ profile, signatures: await signPolicies(policies, signing, subject) })
  }
  return profiles
}
