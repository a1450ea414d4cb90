/** Credentials as text: base64 in lines, bare or as a setting of a unit. */

import { fromBase64, toBase64 } from '../../bytes/base64.ts'
import { FormatError } from '../../errors.ts'
import { FORMAT, MAX_TEXT } from './layout.ts'

/** Characters in a line of a file. */
const FILE_WIDTH = 79
/** Characters of base64 in a line of a unit. */
export const UNIT_WIDTH = 69
const INDENT = ' '.repeat(8)

/** Lines of base64 with a newline at the end. */
export function formatCredential(bytes: Uint8Array, width: number = FILE_WIDTH): string {
  return `${wrap(bytes, width).join('\n')}\n`
}

/** The setting `SetCredentialEncrypted=` for the `[Service]` section of a unit. */
export function formatUnitSetting(name: string, bytes: Uint8Array): string {
  const lines = wrap(bytes, UNIT_WIDTH).map((line) => `${INDENT}${line}`)
  // A unit reads a percent sign as a specifier.
  const id = name.replaceAll('%', '%%')
  return `SetCredentialEncrypted=${id}: \\\n${lines.join(' \\\n')}\n`
}

/** A credential found in text. */
export interface CredentialText {
  readonly bytes: Uint8Array
  /** The name that a unit's setting gives it. */
  readonly unitName: string | undefined
}

const SETTING = /^[ \t\r\n]*SetCredentialEncrypted=([^:\n]{0,512}):/

/**
 * Reads what {@link formatCredential} and {@link formatUnitSetting} write.
 *
 * @param file the content of a file, bytes
 * @throws FormatError where it is anything else.
 */
export function parseCredentialText(file: Uint8Array): CredentialText {
  if (file.length > MAX_TEXT) {
    throw new FormatError(FORMAT, 'TOO_LARGE', `${file.length} bytes of text, at most ${MAX_TEXT}`)
  }
  const text = new TextDecoder('latin1').decode(file)
  const setting = SETTING.exec(text)
  const start = setting?.[0].length ?? 0
  const body = setting ? text.slice(start).replace(/\\\r?$/gm, ' ') : text
  const strange = body.search(/[^A-Za-z0-9+/= \t\r\n]/)
  if (strange >= 0) {
    throw new FormatError(FORMAT, 'BAD_VALUE', 'text is not base64', {
      offset: start + strange,
      hint: 'encrypted credentials are base64 text; is this a plain secret?',
    })
  }
  const bytes = fromBase64(body.replace(/[ \t\r\n]+/g, ''))
  if (bytes === undefined) throw new FormatError(FORMAT, 'BAD_VALUE', 'base64 text is incomplete')
  if (bytes.length === 0) throw new FormatError(FORMAT, 'TRUNCATED', 'there is nothing in it')
  return { bytes, unitName: setting?.[1]?.replaceAll('%%', '%') }
}

function wrap(bytes: Uint8Array, width: number): string[] {
  const text = toBase64(bytes)
  const count = Math.ceil(text.length / width)
  return Array.from({ length: count }, (_, line) => text.slice(line * width, (line + 1) * width))
}
