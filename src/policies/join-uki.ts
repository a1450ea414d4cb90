/** Signatures made elsewhere, matched to the states that a UKI gets to. */

import { toHex } from '../bytes/hex.ts'
import type { BankedSignature } from '../formats/pcr-signature-document.ts'
import type { Uki } from '../formats/uki/decode.ts'
import type { PolicyPublicKey } from '../keys/policy-key.ts'
import { joinSignatures, type ReturnedSignatures } from './join.ts'
import { measureUki } from './measure.ts'
import { normalizePhases, ordinaryPhases } from './phases.ts'
import type { ProfileSignatures } from './place.ts'
import { policiesOf } from './policy.ts'

export interface JoinUkiOptions {
  /** Phases to look for beside those of an ordinary boot. */
  readonly phases?: readonly string[] | undefined
  /** What bare signatures may be for; JSON says it itself. */
  readonly reference?: string | undefined
}

/**
 * What each boot of a UKI gets of the signatures that came back.
 *
 * @throws KeyError, PolicyError as {@link joinSignatures}, and what `measureUki` throws.
 */
export async function joinUkiSignatures(
  uki: Uki,
  returned: ReturnedSignatures,
  publicKey: PolicyPublicKey,
  options: JoinUkiOptions = {},
): Promise<readonly ProfileSignatures[]> {
  const extra = normalizePhases(options.phases ?? [])
  const phases = [...new Set([...ordinaryPhases(), ...extra])]
  const boots = await measureUki(uki, { phases })
  const references = referencesOf(returned, options.reference)
  const policies = boots.map((boot) =>
    references.flatMap((reference) =>
      policiesOf(boot.phases, { fingerprint: publicKey.fingerprint, reference }),
    ),
  )
  const { signed } = joinSignatures(policies.flat(), returned, publicKey)
  return boots.map(({ profile }, index) => {
    const own = new Set(policies[index]!.map(keyOf))
    return { profile, signatures: signed.filter((each) => own.has(keyOf(each))) }
  })
}

/** What tells policies apart; the same state of two profiles is one policy. */
function keyOf({ bank, entry }: BankedSignature): string {
  return [bank, toHex(entry.policy), entry.reference].join(' ')
}

/** Every reference that a signature may be for. */
function referencesOf(
  { documents }: ReturnedSignatures,
  given: string | undefined,
): readonly (string | undefined)[] {
  const found = documents.flatMap(({ signatures }) =>
    [...signatures.values()].flat().map(({ reference }) => reference),
  )
  return [...new Set([undefined, given || undefined, ...found])]
}
