/** The oldest systemd that opens a credential, and what is said of an older one. */

import { CredentialError } from '../errors.ts'
import type { CredentialType } from '../formats/credential/types.ts'
import { compareVersions } from '../formats/version.ts'

export interface Readability {
  /** Version of systemd: `250`, `255.3`. */
  readonly since: string
  readonly reason: string
}

/** @param sealedOffDevice whether the TPM's part was made without the TPM */
export function findReadability(type: CredentialType, sealedOffDevice: boolean): Readability {
  const own = {
    since: `${type.since}`,
    reason: `type '${type.name}' came with systemd ${type.since}`,
  }
  if (!sealedOffDevice || type.since > 255) return own
  return type.publicKey
    ? {
        since: '255.3',
        reason: 'systemd 255.3 is the first that opens what is sealed off-device for a public key',
      }
    : { since: '255', reason: 'systemd 255 is the first that opens what is sealed off-device' }
}

/** Older versions use another key of the same TPM, and nothing of systemd writes it to a file. */
const LEGACY_HINT =
  'seal to the other primary key of the TPM: tpm2_createprimary -C o -g sha256 -G ecc -c p.ctx, tpm2_readpublic -c p.ctx -o FILE'

/** @throws CredentialError UNSUPPORTED where systemd `version` cannot open it. */
export function assertReadableBy(
  version: string,
  type: CredentialType,
  sealedOffDevice: boolean,
): void {
  const { since, reason } = findReadability(type, sealedOffDevice)
  if (compareVersions(version, since) >= 0) return
  throw new CredentialError('UNSUPPORTED', `systemd ${version} cannot open it: ${reason}`, {
    hint: type.pinned ? LEGACY_HINT : undefined,
  })
}
