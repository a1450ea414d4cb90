/**
 * Giving a TPM a secret that only it can read: the salt of a session, the seed of an imported object.
 *
 * See TPM 2.0 Library part 1, annexes B.10.2 (RSA: OAEP) and C.6 (ECC: one-pass Diffie-Hellman), with
 * the labels of §19.6.13 and §23.3.2.3.
 */

import { concat } from '../../bytes/concat.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { agreeOnSecret } from '../../crypto/ecdh.ts'
import type { Random } from '../../crypto/random.ts'
import { encryptRsaOaep } from '../../crypto/rsa-oaep.ts'
import { Algorithm } from './constants.ts'
import { deriveSharedKey } from './key-derivation.ts'
import { curveOf, exponentOf, type StoragePublicKey } from './storage-key.ts'
import { buffer } from './wire.ts'

/** `SECRET` for salts, `DUPLICATE` for seeds. */
export type SecretLabel = 'SECRET' | 'DUPLICATE'

export interface SharedSecret {
  /** 32 bytes. To be overwritten by whoever asked. */
  readonly secret: Uint8Array
  /** The content of a TPM2B_ENCRYPTED_SECRET: the secret for the TPM's eyes. */
  readonly encrypted: Uint8Array
}

/** Bytes of a secret: the digest of the name algorithm, which is SHA-256. */
export const SECRET_SIZE = 32
const Coordinate = buffer(66)

/**
 * Makes a secret and encrypts it to a storage key. EC: one draw of the field's size (rarely more);
 * RSA: two of 32 bytes, the secret and the seed of OAEP.
 */
export function shareSecret(
  parent: StoragePublicKey,
  label: SecretLabel,
  random: Random,
): SharedSecret {
  const { area } = parent
  if (area.type === Algorithm.rsa) {
    const secret = random(SECRET_SIZE)
    const key = { modulus: area.modulus, exponent: exponentOf(area) }
    return { secret, encrypted: encryptRsaOaep(key, encodeUtf8(`${label}\0`), secret, random) }
  }
  const { ephemeral, secret: shared } = agreeOnSecret(curveOf(area), area, random)
  const secret = deriveSharedKey(shared, label, ephemeral.x, area.x, SECRET_SIZE)
  shared.fill(0)
  return {
    secret,
    encrypted: concat(Coordinate.write(ephemeral.x), Coordinate.write(ephemeral.y)),
  }
}
