/** Manners towards a terminal: colours only where wanted, and no control codes from data. */

import { styleText } from 'node:util'
import type { Context, Output } from './context.ts'

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow'

/** Colours `text` when `output` is a terminal and `NO_COLOR` is unset or empty. */
export function paint(context: Context, output: Output, style: Style, text: string): string {
  return wantsColour(context, output) ? styleText(style, text, { validateStream: false }) : text
}

/** See https://no-color.org and https://force-color.org. */
function wantsColour({ environment }: Context, output: Output): boolean {
  if (environment.NO_COLOR) return false
  if (environment.FORCE_COLOR) return environment.FORCE_COLOR !== '0'
  return output.isTerminal && environment.TERM !== 'dumb'
}

/** Characters that do something else than to be seen: control, direction, separators, invisible ones. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
/** All blanks but a single one between words. */
const BLANKS = /(?<= |^) |[^\P{Zs} ]/gu

/**
 * Text from files made safe to print: a name in a hostile image must not move the cursor, retitle
 * the window or reverse the reading direction, and two different texts must not look the same because
 * of characters that are not seen. Those show as `\x1b` or `\u202e`, except the ones in `keep`.
 */
export function printable(text: string, keep = ''): string {
  return text.replace(UNSEEN, (character) =>
    keep.includes(character) ? character : spell(character),
  )
}

/**
 * {@link printable} for words of another person on which an approval rests: with many blanks in a row
 * they could fill the rest of a line, and look like lines of ours after it.
 */
export function printableClaim(text: string): string {
  return printable(text).replace(BLANKS, spell)
}

function spell(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const digits = code.toString(16)
  if (code < 0x100) return `\\x${digits.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${digits.padStart(4, '0')}` : `\\u{${digits}}`
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `4096` is `4.0 KiB`; below 1 KiB the bytes themselves. */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  let value = bytes
  let unit = -1
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`
}

/** Two columns, the second aligned two blanks after the longest of the first. */
export function formatPairs(
  pairs: readonly (readonly [label: string, value: string])[],
  indent = '  ',
): string {
  const width = Math.max(0, ...pairs.map(([label]) => label.length))
  return pairs.map(([label, value]) => `${indent}${label.padEnd(width)}  ${value}\n`).join('')
}
