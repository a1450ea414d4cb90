/** Credentials as text: base64 in lines, bare or as a setting of a unit. */

import { toBase64 } from '../../bytes/base64.ts'
import { FormatError } from '../../errors.ts'
import { parseCredentialFile } from './credential-file.ts'
import { FORMAT } from './layout.ts'
import { escapeName } from './unit-setting.ts'

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
  return `SetCredentialEncrypted=${escapeName(name)}: \\\n${lines.join(' \\\n')}\n`
}

/** A credential found in text. */
export interface CredentialText {
  readonly bytes: Uint8Array
  /** The name that a unit's setting gives it. */
  readonly unitName: string | undefined
}

/**
 * The credential of a file that has one and no more; see {@link parseCredentialFile}.
 *
 * @throws FormatError where it is anything else.
 */
export function parseCredentialText(file: Uint8Array): CredentialText {
  const { credentials } = parseCredentialFile(file)
  const [held] = credentials
  if (held === undefined || credentials.length > 1) {
    const message = `there are ${credentials.length} credentials in it, and one is expected`
    throw new FormatError(FORMAT, 'UNSUPPORTED', message)
  }
  return { bytes: held.bytes, unitName: held.setting?.unitName }
}

function wrap(bytes: Uint8Array, width: number): string[] {
  const text = toBase64(bytes)
  const count = Math.ceil(text.length / width)
  return Array.from({ length: count }, (_, line) => text.slice(line * width, (line + 1) * width))
}
