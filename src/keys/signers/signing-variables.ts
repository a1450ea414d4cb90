/** What a signing command finds in its environment about what it signs. */

import { toHex } from '../../bytes/hex.ts'
import type { SignedParts } from '../../formats/signing-purpose/parts.ts'
import type { SigningRequest } from '../signer.ts'

type Variables = Readonly<Record<string, string | undefined>>

/** Linux takes 128 KiB in one variable. */
const MAX_LIST = 64 * 1024

/** No variable of another purpose is left over from the environment of the caller. */
const NONE: Variables = {
  EXTSIGN_ROOT_HASH: undefined,
  EXTSIGN_POLICY_DIGEST: undefined,
  EXTSIGN_POLICY_PCRS: undefined,
  EXTSIGN_POLICY_REFERENCE: undefined,
  EXTSIGN_POLICY_APPROVED_BY: undefined,
  EXTSIGN_IMAGE_HASH: undefined,
  EXTSIGN_SIGNING_TIME: undefined,
  EXTSIGN_VARIABLE: undefined,
  EXTSIGN_VARIABLE_CHANGE: undefined,
  EXTSIGN_VARIABLE_TIME: undefined,
  EXTSIGN_VARIABLE_CERTIFICATES: undefined,
  EXTSIGN_VARIABLE_HASHES: undefined,
}

/** The variables; those that do not apply are undefined. */
export function signingVariables(
  { purpose, digest, subject }: SigningRequest,
  parts: SignedParts,
): Variables {
  return {
    ...NONE,
    EXTSIGN_PURPOSE: purpose,
    EXTSIGN_DIGEST: digest,
    EXTSIGN_SUBJECT: subject.replaceAll('\0', ''),
    ...partVariables(parts),
  }
}

function partVariables(parts: SignedParts): Variables {
  switch (parts.purpose) {
    case 'verity-root-hash':
      return { EXTSIGN_ROOT_HASH: parts.rootHash }
    case 'pcr-policy': {
      const { policy, bank, values, reference, approvedBy } = parts
      const states = [...(values ?? [])].map(([pcr, value]) => `${pcr}:${bank}=${toHex(value)}`)
      return {
        EXTSIGN_POLICY_DIGEST: toHex(policy),
        EXTSIGN_POLICY_PCRS: values && states.join('+'),
        EXTSIGN_POLICY_REFERENCE: reference,
        EXTSIGN_POLICY_APPROVED_BY: approvedBy && toHex(approvedBy),
      }
    }
    case 'authenticode':
      return {
        EXTSIGN_IMAGE_HASH: toHex(parts.imageHash),
        EXTSIGN_SIGNING_TIME: parts.signingTime?.toISOString(),
      }
    case 'uefi-variable': {
      const { variable, guid, append, time, certificates, hashes } = parts
      return {
        EXTSIGN_VARIABLE: `${variable}-${guid}`,
        EXTSIGN_VARIABLE_CHANGE: append ? 'append' : 'replace',
        EXTSIGN_VARIABLE_TIME: time.toISOString(),
        EXTSIGN_VARIABLE_CERTIFICATES: list(certificates),
        EXTSIGN_VARIABLE_HASHES: list(hashes),
      }
    }
  }
}

/** Undefined where there are more than fit: then the program has to read the message. */
function list(digests: readonly Uint8Array[]): string | undefined {
  const text = digests.map(toHex).join(' ')
  return text.length > MAX_LIST ? undefined : text
}
