/**
 * Salted sessions: both ends know a key nobody on the bus knows, prove it with every message, and
 * encrypt the parameters that are secret.
 *
 * See TPM 2.0 Library part 1 §19 (sessions), §19.6 (HMAC), §21 (parameter encryption). Every object
 * here has an empty password, so the key of the session alone is the key of everything.
 */

import { timingSafeEqual } from 'node:crypto'
import { concat } from '../../bytes/concat.ts'
import { copySecret } from '../../bytes/secret.ts'
import { decryptAesCfb, encryptAesCfb } from '../../crypto/aes-cfb.ts'
import type { Random } from '../../crypto/random.ts'
import { hmacSha256, sha256 } from '../../crypto/sha256.ts'
import { TpmError } from '../../errors.ts'
import { Handle, SessionAttribute } from '../../formats/tpm2/constants.ts'
import { deriveKey } from '../../formats/tpm2/key-derivation.ts'
import type { CommandAuthorization, ResponseAuthorization } from '../../formats/tpm2/message.ts'
import { u32 } from '../../formats/tpm2/wire.ts'

/** What of a message is encrypted: its first parameter, in either direction. */
export interface Encryption {
  readonly command?: boolean
  readonly response?: boolean
}

export interface OutgoingCommand {
  readonly code: number
  /** The names of what the handles stand for. */
  readonly names: readonly Uint8Array[]
  /** Overwritten where they are encrypted. */
  readonly parameters: Uint8Array
  readonly encryption: Encryption
  /** Nothing is authorized: only the answer is to be the TPM's. */
  readonly audit: boolean
}

export interface SealedCommand {
  readonly parameters: Uint8Array
  readonly authorization: CommandAuthorization
}

/** How a command is authorized. */
export interface Authorizer {
  seal(command: OutgoingCommand): SealedCommand
  /** @returns the parameters, decrypted. @throws TpmError BAD_RESPONSE */
  open(code: number, parameters: Uint8Array, authorization: ResponseAuthorization): Uint8Array
}

const NONCE_SIZE = 32
const KEY_SIZE = 16
const NONE = new Uint8Array()

/** The empty password, for commands that carry no secret. */
export const emptyPassword: Authorizer = {
  seal: ({ parameters }) => ({
    parameters,
    authorization: {
      session: Handle.password,
      nonce: NONE,
      attributes: SessionAttribute.continue,
      hmac: NONE,
    },
  }),
  open: (_, parameters) => parameters,
}

/** Bytes of the nonces of a session. */
export function drawNonce(random: Random): Uint8Array {
  return random(NONCE_SIZE)
}

/** A session as the TPM has it; what it is for (HMAC or policy) only the TPM must know. */
export class Session implements Authorizer {
  readonly handle: number
  readonly #key: Uint8Array
  readonly #random: Random
  #nonceTpm: Uint8Array
  #nonceCaller: Uint8Array = NONE
  #attributes = 0

  /** @param salt overwritten here */
  constructor(
    handle: number,
    salt: Uint8Array,
    nonces: { readonly caller: Uint8Array; readonly tpm: Uint8Array },
    random: Random,
  ) {
    this.handle = handle
    this.#key = deriveKey(salt, 'ATH', concat(nonces.tpm, nonces.caller), 32)
    salt.fill(0)
    this.#nonceTpm = nonces.tpm
    this.#random = random
  }

  seal({ code, names, parameters, encryption, audit }: OutgoingCommand): SealedCommand {
    this.#nonceCaller = drawNonce(this.#random)
    this.#attributes =
      SessionAttribute.continue |
      (encryption.command ? SessionAttribute.decrypt : 0) |
      (encryption.response ? SessionAttribute.encrypt : 0) |
      (audit ? SessionAttribute.audit : 0)
    const sent = encryption.command
      ? this.#crypt(encryptAesCfb, parameters, this.#nonceCaller, this.#nonceTpm)
      : parameters
    const digest = sha256(u32.write(code), ...names, sent)
    return {
      parameters: sent,
      authorization: {
        session: this.handle,
        nonce: this.#nonceCaller,
        attributes: this.#attributes,
        hmac: this.#hmac(digest, this.#nonceCaller, this.#nonceTpm, this.#attributes),
      },
    }
  }

  open(code: number, parameters: Uint8Array, authorization: ResponseAuthorization): Uint8Array {
    const { nonce, attributes, hmac } = authorization
    const digest = sha256(u32.write(0), u32.write(code), parameters)
    const expected = this.#hmac(digest, nonce, this.#nonceCaller, attributes)
    if (hmac.length !== expected.length || !timingSafeEqual(hmac, expected)) {
      throw new TpmError('BAD_RESPONSE', 'the response is not from the TPM the session is with', {
        hint: 'the storage key at this handle is another one, or somebody is between us and the TPM',
      })
    }
    this.#nonceTpm = nonce
    if ((this.#attributes & SessionAttribute.encrypt) === 0) return parameters
    return this.#crypt(decryptAesCfb, parameters, nonce, this.#nonceCaller)
  }

  /** Overwrites the key. */
  forget(): void {
    this.#key.fill(0)
  }

  #hmac(digest: Uint8Array, newer: Uint8Array, older: Uint8Array, attributes: number): Uint8Array {
    return hmacSha256(this.#key, concat(digest, newer, older, Uint8Array.of(attributes)))
  }

  /** Replaces the content of the first parameter, a sized buffer, and overwrites the original. */
  #crypt(
    cipher: typeof encryptAesCfb,
    parameters: Uint8Array,
    newer: Uint8Array,
    older: Uint8Array,
  ): Uint8Array {
    const [high = 0, low = 0] = parameters
    const end = 2 + high * 256 + low
    const stream = deriveKey(this.#key, 'CFB', concat(newer, older), 2 * KEY_SIZE)
    const [key, iv] = [stream.subarray(0, KEY_SIZE), stream.subarray(KEY_SIZE)]
    const content = cipher(key, iv, parameters.subarray(2, end))
    const result = copySecret(parameters)
    result.set(content, 2)
    stream.fill(0)
    content.fill(0)
    parameters.fill(0)
    return result
  }
}
