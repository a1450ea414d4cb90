/** What a token or its module says when it does not do what it was asked for, in our words. */

import { KeyError } from '../../errors.ts'

const GONE = [
  'CKR_DEVICE_REMOVED',
  'CKR_TOKEN_NOT_PRESENT',
  'CKR_TOKEN_NOT_RECOGNIZED',
  'CKR_SESSION_HANDLE_INVALID',
  'CKR_SESSION_CLOSED',
  'CKR_SLOT_ID_INVALID',
  'CKR_KEY_HANDLE_INVALID',
]
const WRONG_PIN = ['CKR_PIN_INCORRECT', 'CKR_PIN_INVALID', 'CKR_PIN_LEN_RANGE']

/** `error` of pkcs11js as a KeyError about `token`; what it did not throw comes back as it is. */
export function explainTokenError(error: unknown, token: string): unknown {
  const name = nameOf(error)
  if (name === undefined) return error
  if (WRONG_PIN.includes(name)) {
    return new KeyError('WRONG_PASSPHRASE', `${token} does not take this PIN (${name})`, {
      hint: 'it was tried once; a token locks itself after a few wrong ones',
    })
  }
  if (name === 'CKR_PIN_LOCKED') {
    return new KeyError('WRONG_PASSPHRASE', `${token} has locked itself after wrong PINs`)
  }
  if (GONE.includes(name)) {
    return new KeyError('SIGNER_FAILED', `${token} is gone (${name})`, {
      hint: 'was it removed?',
    })
  }
  if (name === 'CKR_USER_NOT_LOGGED_IN') {
    return new KeyError('PASSPHRASE_NEEDED', `${token} wants its PIN`, { hint: PIN_HINT })
  }
  return new KeyError('SIGNER_FAILED', `${token} failed: ${name}`)
}

export const PIN_HINT = 'give it with --passphrase-file, or in $EXTSIGN_PIN'

/** `CKR_…`; pkcs11js puts it into the message, and sometimes more around it. */
function nameOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  return /CKR_\w+/.exec(error.message)?.[0]
}
