/** A structure that was read, or the reason why it could not be. */

import { FormatError } from '../../errors.ts'

export type Attempt<T> = { readonly value: T } | { readonly error: FormatError }

/** The result of `read`, with a FormatError as a value; other errors pass. */
export async function attempt<T>(read: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await read() }
  } catch (error) {
    if (error instanceof FormatError) return { error }
    throw error
  }
}

/** The value of an attempt, if there was one and it succeeded. */
export function resultOf<T>(made: Attempt<T> | undefined): T | undefined {
  return made && 'value' in made ? made.value : undefined
}

/** The error of an attempt, if there was one and it failed. */
export function failureOf<T>(made: Attempt<T> | undefined): FormatError | undefined {
  return made && 'error' in made ? made.error : undefined
}
