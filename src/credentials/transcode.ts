/** The forms in which a secret may be wanted: as it is, encoded for a text, or decoded from one. */

import { toBase64 } from '../bytes/base64.ts'
import { concat } from '../bytes/concat.ts'
import { decodeBase64 } from '../bytes/decode-base64.ts'
import { fromHex, toHex } from '../bytes/hex.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { CredentialError } from '../errors.ts'

export const TRANSCODINGS = ['base64', 'unbase64', 'hex', 'unhex'] as const
export type Transcoding = (typeof TRANSCODINGS)[number]

const WIDTH = 79
const NEWLINE = 0x0a

/**
 * `secret` in another form; base64 has lines of 79 characters and no newline at the end.
 *
 * @throws CredentialError BAD_OPTION where it is not in the form that is to be undone.
 */
export function transcode(secret: Uint8Array, form: Transcoding | undefined): Uint8Array {
  switch (form) {
    case undefined:
      return secret
    case 'hex':
      return encodeUtf8(toHex(secret))
    case 'base64':
      return encodeUtf8((toBase64(secret).match(new RegExp(`.{1,${WIDTH}}`, 'g')) ?? []).join('\n'))
    case 'unhex':
      return fromHex(packed(secret)) ?? unfit('hexadecimal')
    case 'unbase64':
      return decodeBase64(secret) ?? unfit('base64')
  }
}

/** `bytes` with a newline at the end, added where there is none. */
export function withNewline(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === NEWLINE ? bytes : concat(bytes, Uint8Array.of(NEWLINE))
}

function packed(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes).replace(/[ \t\r\n]+/g, '')
}

function unfit(form: string): never {
  throw new CredentialError('BAD_OPTION', `the secret is not ${form} text`)
}
