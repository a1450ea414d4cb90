/** What a completion script needs to know of a command, in any shell. */

import type { Argument, OptionArgument, PositionalArgument } from '../arguments.ts'

export interface Completable {
  /** The words that call it: `keys new`. */
  readonly path: string
  readonly summary: string
  readonly arguments: readonly Argument[]
}

/** An argument with values to complete. */
export type Valued = OptionArgument | PositionalArgument

/** `--output` and `-o`; nothing for a positional argument. */
export function spellings(argument: Argument): string[] {
  if (argument.kind === 'positional') return []
  return [`--${argument.long}`, ...(argument.short === undefined ? [] : [`-${argument.short}`])]
}
