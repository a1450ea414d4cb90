/**
 * What each purpose may have signed. The same key may serve several; the bytes must never be such
 * that a signature for one of them passes for another.
 */

import { decodeUtf8 } from '../bytes/utf8.ts'
import { FormatError } from '../errors.ts'
import { decodeSignatureLists } from '../formats/efi-signature-list/decode.ts'
import { decodeVariablePayload } from '../formats/efi-variable/decode.ts'
import type { SigningRequest } from './signer.ts'

export type Purpose = SigningRequest['purpose']

export const PURPOSES: readonly Purpose[] = [
  'verity-root-hash',
  'pcr-policy',
  'authenticode',
  'uefi-variable',
]

/** SHA-256 of a policy, alone or followed by that of its reference. */
const POLICY_SIZES = [32, 64]
/** The tag of SET OF, which authenticated attributes are. */
const SET = 0x31

/** What the bytes of a request must be and are not, or undefined. */
export function findPayloadProblem(
  purpose: Purpose,
  { payload, digest }: Pick<SigningRequest, 'payload' | 'digest'>,
): string | undefined {
  const isRootHash = /^[0-9a-f]{64}$/.test(decodeUtf8(payload) ?? '')
  switch (purpose) {
    case 'verity-root-hash':
      if (!isRootHash) return 'the 64 hexadecimal digits of a root hash'
      return digest === 'sha256' ? undefined : 'hashed with SHA-256'
    case 'pcr-policy':
      if (isRootHash || !POLICY_SIZES.includes(payload.length)) {
        return 'the 32 or 64 bytes of a policy, and no root hash'
      }
      return digest === 'sha256' ? undefined : 'hashed with SHA-256'
    case 'authenticode':
      return payload[0] === SET && payload.length > 64 ? undefined : 'attributes in DER'
    case 'uefi-variable':
      if (!isVariable(payload)) return 'a change of PK, KEK, db or dbx'
      return digest === 'sha256' ? undefined : 'hashed with SHA-256'
  }
}

/** @returns whether `text` is the name of a purpose */
export function isPurpose(text: string): text is Purpose {
  return PURPOSES.some((purpose) => purpose === text)
}

/** Name, GUID, attributes and time of a Secure Boot variable, and signature lists. */
function isVariable(payload: Uint8Array): boolean {
  try {
    decodeSignatureLists(decodeVariablePayload(payload).data)
    return true
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return false
  }
}
