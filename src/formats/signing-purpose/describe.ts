/** The parts of what is signed, for the person who approves. */

import { toHex } from '../../bytes/hex.ts'
import type { SignedParts } from './parts.ts'

/** Labels and values, in the order in which they are shown. A reference may hold any character. */
export function describeParts(parts: SignedParts): readonly (readonly [string, string])[] {
  switch (parts.purpose) {
    case 'verity-root-hash':
      return [['root hash', parts.rootHash]]
    case 'pcr-policy': {
      const { policy, bank, values, reference, approvedBy } = parts
      const states = [...(values ?? [])].map(([pcr, value]) => {
        return [`PCR ${pcr}`, `${bank}:${toHex(value)}`] as const
      })
      return [
        ['policy', toHex(policy)],
        ...states,
        ...(reference === undefined ? [] : [['reference', reference] as const]),
        ...(approvedBy ? [['approved by', `key ${toHex(approvedBy)}`] as const] : []),
      ]
    }
    case 'authenticode': {
      const { imageHash, signingTime } = parts
      return [
        ['image hash', toHex(imageHash)],
        ...(signingTime ? [['signing time', formatTime(signingTime)] as const] : []),
      ]
    }
    case 'uefi-variable': {
      const { variable, guid, append, time, certificates, hashes, others } = parts
      return [
        ['variable', `${variable}-${guid}`],
        ['change', append ? 'added to what is there' : 'in place of what is there'],
        ['time', formatTime(time)],
        ['certificates', `${certificates.length}`],
        ...certificates.map((fingerprint) => ['certificate', toHex(fingerprint)] as const),
        ...hashes.map((hash) => ['program', toHex(hash)] as const),
        ...others.map(({ type, count }) => ['other', `${count} of type ${type}`] as const),
      ]
    }
  }
}

function formatTime(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z')
}
