/** Command lines as systemd-stub measures them: systemd src/boot/util.c. */

import { trimBoth } from '../../bytes/trim.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { PolicyError } from '../../errors.ts'

/** Blanks at both ends go, and every control character inside becomes one blank. */
export function mangle(line: string): string {
  const isBlank = (character: string) => character <= '\x20' || character === '\x7f'
  const blanks = Array.from(line, (character) => (isBlank(character) ? ' ' : character)).join('')
  return trimBoth(blanks, ' ')
}

/** UTF-16, little-endian, with the NUL at the end, which is measured too. */
export function encodeUtf16(line: string): Uint8Array {
  const bytes = new Uint8Array(2 * (line.length + 1))
  const view = new DataView(bytes.buffer)
  for (let index = 0; index < line.length; index++) {
    view.setUint16(2 * index, line.charCodeAt(index), true)
  }
  return bytes
}

/**
 * Refuses options that no stub takes as they are.
 *
 * @throws PolicyError BAD_OPTION
 */
export function assertOptions(options: string): void {
  const control = /\p{Cc}/u.exec(options.replaceAll('\x7f', ''))
  if (control) {
    const code = control[0].charCodeAt(0).toString(16).padStart(2, '0')
    throw new PolicyError('BAD_OPTION', `the options have the control character 0x${code}`, {
      hint: 'systemd-stub ignores such options, because firmware may pass anything',
    })
  }
  if (/^@\d+(?: |$)/.test(options)) {
    throw new PolicyError('BAD_OPTION', `options that begin with '@' choose a profile`, {
      hint: 'give its number with --profile, and the options without it',
    })
  }
  if (new TextDecoder().decode(encodeUtf8(options)) !== options) {
    throw new PolicyError('BAD_OPTION', 'the options are not valid Unicode')
  }
}
