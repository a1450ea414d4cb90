/**
 * The secret file of a host, `/var/lib/systemd/credential.secret`: 16 bytes that bind it to a
 * machine ID, then the secret itself.
 */

import { concat } from '../../bytes/concat.ts'
import { fromHex } from '../../bytes/hex.ts'
import { hmacSha256 } from '../../crypto/sha256.ts'
import { FormatError } from '../../errors.ts'

const FORMAT = 'host secret'
const BINDING_SIZE = 16
/** Bytes of secret in a new file, and the most that systemd takes. */
export const HOST_SECRET_SIZE = 4096
/** What the machine ID is hashed with: the ID of this use of it. */
const APPLICATION = fromHex('d3acecba0dad4cdfb8c9381528936c58')!

export interface HostSecret {
  /** 16 bytes; equal to {@link machineBinding} of the machine it belongs to. */
  readonly binding: Uint8Array
  /** What goes into keys. */
  readonly secret: Uint8Array
}

/** The application-specific ID of a machine, see sd_id128_get_machine_app_specific(3). */
export function machineBinding(machineId: Uint8Array): Uint8Array {
  const id = hmacSha256(machineId, APPLICATION).subarray(0, BINDING_SIZE)
  // A UUID of version 4, variant DCE.
  id[6] = (id[6]! & 0x0f) | 0x40
  id[8] = (id[8]! & 0x3f) | 0x80
  return id
}

/** The file's content. */
export function encodeHostSecret({ binding, secret }: HostSecret): Uint8Array {
  return concat(binding, secret)
}

/** Views of `file`, not copies. @throws FormatError */
export function decodeHostSecret(file: Uint8Array): HostSecret {
  if (file.length <= BINDING_SIZE) {
    throw new FormatError(
      FORMAT,
      'TRUNCATED',
      `${file.length} bytes, and ${BINDING_SIZE} in front are not secret`,
    )
  }
  const secret = file.subarray(BINDING_SIZE)
  if (secret.length > HOST_SECRET_SIZE) {
    throw new FormatError(
      FORMAT,
      'TOO_LARGE',
      `${secret.length} bytes of secret, systemd takes ${HOST_SECRET_SIZE}`,
    )
  }
  return { binding: file.subarray(0, BINDING_SIZE), secret }
}

/** The 16 bytes of a machine ID as in /etc/machine-id, dashes allowed; undefined where it is none. */
export function parseMachineId(text: string): Uint8Array | undefined {
  const digits = text.trim().replaceAll('-', '')
  const bytes = digits.length === 32 ? fromHex(digits) : undefined
  return bytes?.some((byte) => byte !== 0) ? bytes : undefined
}
