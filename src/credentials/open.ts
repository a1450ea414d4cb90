/** Opens a credential where its key is at hand, and judges whether it may be used. */

import { CredentialError } from '../errors.ts'
import { decodeCredential, decryptCredential } from '../formats/credential/decode.ts'
import type { CredentialHeaders } from '../formats/credential/headers.ts'
import { deriveKey, type Scope } from '../formats/credential/keys.ts'
import type { Metadata, Microseconds } from '../formats/credential/metadata.ts'
import type { CredentialType } from '../formats/credential/types.ts'
import { formatTime } from './time.ts'

export interface OpenOptions {
  /** Binary; `parseCredentialText` makes it of text. */
  readonly credential: Uint8Array
  /** Names it may carry; undefined: any. One without a name goes for every name. */
  readonly names?: readonly string[] | undefined
  /** The clock; undefined: an expired one is opened too. */
  readonly now?: Microseconds | undefined
  /** Whether to open what anybody could have made. */
  readonly acceptNull: boolean
  readonly scope?: Scope | undefined
  /** The host's secret; asked for when the credential needs it. */
  readonly host?: (() => Promise<Uint8Array>) | undefined
  /** Has the TPM unseal its part; asked for when the credential needs it. The result is overwritten. */
  readonly tpm?: ((headers: CredentialHeaders) => Promise<Uint8Array>) | undefined
}

export interface OpenedCredential extends Metadata {
  readonly type: CredentialType
  /** The caller's to overwrite. */
  readonly secret: Uint8Array
}

/**
 * The content of a credential.
 *
 * @throws FormatError where it is none; CredentialError NULL_REFUSED, BAD_SCOPE, KEY_NEEDED,
 * WRONG_KEY, NAME_MISMATCH, EXPIRED, in this order; and whatever `host` and `tpm` throw.
 */
export async function openCredential(options: OpenOptions): Promise<OpenedCredential> {
  const sealed = decodeCredential(options.credential)
  const { type } = sealed.headers
  assertAcceptable(type, options)
  const key = await collectKey(sealed.headers, options)
  let opened: ReturnType<typeof decryptCredential>
  try {
    opened = decryptCredential(sealed, key)
  } finally {
    key.fill(0)
  }
  if (opened === undefined) throw wrongKey(type)
  const { metadata, secret } = opened
  try {
    assertName(metadata.name, options.names)
    assertTime(metadata.notAfter, options.now)
  } catch (error) {
    secret.fill(0)
    throw error
  }
  return { type, ...metadata, secret }
}

function assertAcceptable(type: CredentialType, options: OpenOptions): void {
  if (!type.host && !type.tpm2 && !options.acceptNull) {
    const fact = 'it has a null key: anybody could have made it'
    throw new CredentialError('NULL_REFUSED', fact, { hint: '--allow-null opens it all the same' })
  }
  if (type.scoped && options.scope === undefined) {
    throw new CredentialError('BAD_SCOPE', 'it belongs to one user of a machine', {
      hint: 'say which with --uid, and for another machine with --user-name and --machine-id',
    })
  }
  if (!type.scoped && options.scope !== undefined) {
    throw new CredentialError('BAD_SCOPE', 'it belongs to no user, but to the machine', {
      hint: 'leave --uid and --user out',
    })
  }
}

async function collectKey(headers: CredentialHeaders, options: OpenOptions): Promise<Uint8Array> {
  const { type } = headers
  if (type.tpm2 && options.tpm === undefined) throw keyNeeded(type, 'the TPM it was sealed for')
  if (type.host && options.host === undefined) throw keyNeeded(type, 'the secret of its host')
  const tpm = type.tpm2 ? await options.tpm?.(headers) : undefined
  try {
    const host = type.host ? await options.host?.() : undefined
    return deriveKey({ host, tpm, scope: options.scope })
  } finally {
    tpm?.fill(0)
  }
}

function keyNeeded(type: CredentialType, what: string): CredentialError {
  return new CredentialError('KEY_NEEDED', `it is of type ${type.name} and needs ${what}`)
}

function wrongKey(type: CredentialType): CredentialError {
  const others = [
    ...(type.host ? ['another host secret'] : []),
    ...(type.scoped ? ['another user or machine'] : []),
  ]
  const theory = others.length === 0 ? '' : `it was sealed with ${others.join(', or for ')}, or `
  return new CredentialError('WRONG_KEY', `the key does not fit: ${theory}it is damaged`)
}

function assertName(name: string | undefined, names: readonly string[] | undefined): void {
  if (name === undefined || names === undefined || names.includes(name)) return
  throw new CredentialError('NAME_MISMATCH', `it is called '${name}', not '${names[0]}'`, {
    hint: `--name=${name} opens it; units look it up by the name inside`,
  })
}

function assertTime(notAfter: Microseconds | undefined, now: Microseconds | undefined): void {
  if (notAfter === undefined || now === undefined || notAfter >= now) return
  throw new CredentialError('EXPIRED', `it was valid until ${formatTime(notAfter)}`)
}
