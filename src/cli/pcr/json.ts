/** JSON in the forms of systemd's tools, and when they print which. */

import { formatJsonText, type JsonValue } from '../../formats/json-text.ts'
import type { Context } from '../context.ts'

/** What `--json` says: nothing, no word, or a word. */
export type JsonChoice = 'pretty' | 'short' | 'off' | '' | undefined

/** Text of a document that is asked for, which ends with a newline. */
export function formatChosen(value: JsonValue, choice: JsonChoice, context: Context): string {
  const isPretty = choice === 'pretty' || (choice !== 'short' && context.stdout.isTerminal)
  return `${formatJsonText(value, isPretty ? 'pretty' : 'short')}\n`
}

/** The same where nothing but JSON can be printed: `off` then takes the newline away, as in systemd. */
export function formatAlways(value: JsonValue, choice: JsonChoice, context: Context): string {
  return choice === 'off' ? formatJsonText(value, 'short') : formatChosen(value, choice, context)
}
