/** Secrets in variables of the environment. */

import { secretOfText } from '../bytes/secret.ts'
import { KeyError } from '../errors.ts'
import { type Context, rawVariable } from './context.ts'

/** What Node puts into `process.env` in the place of bytes that are no UTF-8. */
const REPLACED = '\ufffd'

/**
 * The bytes of the variable, the caller's to overwrite; undefined where it is not set.
 *
 * @throws KeyError UNREADABLE where they are not known: another secret must not take their place.
 */
export function readSecretVariable(context: Context, name: string): Uint8Array | undefined {
  const text = rawVariable(context, name)
  if (text?.includes(REPLACED)) {
    throw new KeyError('UNREADABLE', `the variable ${name} holds bytes that are not UTF-8 text`, {
      hint: 'a file can hold any bytes',
    })
  }
  return text === undefined ? undefined : secretOfText(text)
}
