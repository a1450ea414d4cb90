/**
 * Components for systemd-pcrlock: JSON with one record for each measurement, and its digests.
 *
 * See systemd.pcrlock(5) and systemd src/pcrlock/pcrlock.c, which reads an object with the array
 * `records`, not the array alone.
 */

import { toHex } from '../bytes/hex.ts'
import { formatJsonText } from './json-text.ts'
import type { MeasuredEvent } from './pcr-event.ts'
import { PCR_BANKS } from './tpm2/pcr.ts'

/** The text of a component, or of one variant of it. */
export function formatPcrlock(events: readonly Pick<MeasuredEvent, 'pcr' | 'digests'>[]): string {
  const records = events.map(({ pcr, digests }) => ({
    pcr,
    digests: PCR_BANKS.flatMap((hashAlg) => {
      const digest = digests.get(hashAlg)
      return digest ? [{ hashAlg, digest: toHex(digest) }] : []
    }),
  }))
  return `${formatJsonText({ records }, 'short')}\n`
}
