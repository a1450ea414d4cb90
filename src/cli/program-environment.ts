/** What the programs that a user has us run find in their environment. */

import type { Context } from './context.ts'

/** Holds the PIN of a token where neither a file nor a person is there to give it. */
export const PIN_VARIABLE = 'EXTSIGN_PIN'

/**
 * Our own environment without the secrets in it.
 *
 * @param secrets other variables that hold secrets
 */
export function programEnvironment(
  { environment }: Context,
  secrets: ReadonlySet<string> = new Set(),
): Context['environment'] {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => name !== PIN_VARIABLE && !secrets.has(name)),
  )
}
