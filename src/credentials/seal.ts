/** Seals a secret: the metadata judged, the key derived, the credential made and read back. */

import { equalBytes } from '../bytes/equal.ts'
import { CredentialError } from '../errors.ts'
import { decodeCredential, decryptCredential } from '../formats/credential/decode.ts'
import { encodeCredential } from '../formats/credential/encode.ts'
import type { PolicyKey, TpmSeal } from '../formats/credential/headers.ts'
import { deriveKey, type Scope } from '../formats/credential/keys.ts'
import { IV_SIZE, MAX_PLAINTEXT } from '../formats/credential/layout.ts'
import type { Metadata } from '../formats/credential/metadata.ts'
import { findNameProblem } from '../formats/credential/name.ts'
import { type CredentialType, findTypeByBinding } from '../formats/credential/types.ts'
import { LAST_TIME } from './time.ts'

/** The TPM's part of a credential: a secret, and how the TPM gives it out. */
export interface TpmPart {
  /** 32 bytes, in clear. */
  readonly secret: Uint8Array
  readonly seal: TpmSeal
  readonly publicKey?: PolicyKey | undefined
  /** The serialised parent key: makes the credential one of a pinned type. */
  readonly parent?: Uint8Array | undefined
}

export interface SealOptions extends Metadata {
  /** At most 1 MiB. */
  readonly secret: Uint8Array
  /** The host's secret, without the 16 bytes in front of it in the file. */
  readonly host?: Uint8Array | undefined
  /** Only beside `host`. */
  readonly scope?: Scope | undefined
  readonly tpm?: TpmPart | undefined
  /** What `deriveKey` makes of host, TPM and scope, for whoever seals many with the same; kept. */
  readonly key?: Uint8Array | undefined
  readonly random: (size: number) => Uint8Array
}

export interface SealResult {
  readonly type: CredentialType
  /** Binary; `formatCredential` makes text of it. */
  readonly credential: Uint8Array
}

/**
 * Makes a credential. Without host and TPM it is one with a null key, which hides nothing.
 *
 * @throws CredentialError BAD_NAME, BAD_TIME, BAD_SCOPE, TOO_LARGE
 */
export function sealCredential(options: SealOptions): SealResult {
  const { secret, host, scope, tpm } = options
  const type = chooseType(options)
  assertMetadata(options)
  if (secret.length > MAX_PLAINTEXT) {
    const found = `the secret has ${secret.length} bytes`
    throw new CredentialError('TOO_LARGE', `${found}, at most ${MAX_PLAINTEXT} can be sealed`)
  }
  const { timestamp, notAfter, name } = options
  const headers = {
    type,
    iv: options.random(IV_SIZE),
    tpm2: tpm?.seal,
    publicKey: tpm?.publicKey,
    parent: tpm?.parent,
  }
  const key = options.key ?? deriveKey({ host, tpm: tpm?.secret, scope })
  try {
    const content = { headers, metadata: { timestamp, notAfter, name }, secret }
    const credential = encodeCredential(content, key)
    assertReadable(credential, key, secret)
    return { type, credential }
  } finally {
    if (key !== options.key) key.fill(0)
  }
}

function chooseType({ host, scope, tpm }: SealOptions): CredentialType {
  const type = findTypeByBinding({
    host: host !== undefined,
    tpm2: tpm !== undefined,
    publicKey: tpm?.publicKey !== undefined,
    pinned: tpm?.parent !== undefined,
    scoped: scope !== undefined,
  })
  if (type !== undefined) return type
  throw new CredentialError('BAD_SCOPE', 'a credential of one user needs the secret of the host')
}

/** @throws CredentialError BAD_NAME, BAD_TIME */
export function assertMetadata({ name, timestamp, notAfter }: Metadata): void {
  const problem = name === undefined ? undefined : findNameProblem(name)
  if (problem !== undefined) {
    const text = `'${name}' cannot be the name of a credential: ${problem}`
    throw new CredentialError('BAD_NAME', text, { hint: 'another name can be given with --name' })
  }
  for (const time of [timestamp, notAfter]) {
    if (time === undefined || (time >= 0n && time <= LAST_TIME)) continue
    const text = `${time} microseconds since 1970 are none that a credential can say`
    throw new CredentialError('BAD_TIME', text, { hint: `the last is ${LAST_TIME}` })
  }
  if (timestamp !== undefined && notAfter !== undefined && notAfter <= timestamp) {
    throw new CredentialError('BAD_TIME', 'it would end before it begins')
  }
}

/** What nobody can read is worse than an error now. */
function assertReadable(credential: Uint8Array, key: Uint8Array, secret: Uint8Array): void {
  const opened = decryptCredential(decodeCredential(credential), key)
  const same = opened !== undefined && equalBytes(opened.secret, secret)
  opened?.secret.fill(0)
  if (!same) throw new Error('a new credential cannot be read back')
}
