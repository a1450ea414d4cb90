/** The key that an image brings along for machines to enrol: its section `.pcrpkey`. */

import { readSection } from '../formats/pe/content.ts'
import type { Uki } from '../formats/uki/decode.ts'
import type { UkiProfile } from '../formats/uki/profiles.ts'
import { type PolicyPublicKey, policyPublicKey } from '../keys/policy-key.ts'

const MAX_SIZE = 64 * 1024

/**
 * The key of a profile, or undefined where there is none.
 *
 * @throws KeyError where it is of no use, FormatError where it is too large to be one.
 */
export async function embeddedPublicKey(
  { pe }: Uki,
  profile: UkiProfile,
): Promise<PolicyPublicKey | undefined> {
  const section = profile.sections.get('.pcrpkey')
  if (!section || section.virtualSize === 0) return undefined
  return policyPublicKey(await readSection(pe, section, MAX_SIZE), '.pcrpkey')
}
