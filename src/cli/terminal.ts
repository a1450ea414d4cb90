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

/**
 * Text from files made safe to print: a name in a hostile image must not move the cursor, retitle
 * the window or reverse the reading direction. Control and direction characters show as `\x1b` or
 * `\u202e`, except those in `keep`.
 */
export function printable(text: string, keep = ''): string {
  return text.replace(
    /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (character) => {
      if (keep.includes(character)) return character
      const code = character.codePointAt(0) ?? 0
      return code < 256
        ? `\\x${code.toString(16).padStart(2, '0')}`
        : `\\u${code.toString(16).padStart(4, '0')}`
    },
  )
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
