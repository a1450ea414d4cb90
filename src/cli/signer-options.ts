/** The options that say where a private key is, shared by every command that signs. */

import { parseJson } from '../formats/json.ts'
import { parsePkcs11Uri } from '../formats/pkcs11-uri.ts'
import { KEY_SOURCES } from '../keys/signers/open-signer.ts'
import { option } from './arguments.ts'
import { choice, file, integer, named, type ValueType } from './types.ts'

const SIGNING = 'Signing'

/** Seconds until a command or agent that does not answer is given up. */
export const DEFAULT_PATIENCE = 120

/** Whatever its source is: a file, a command, a socket or a URI. */
const signingKey: ValueType<string> = { ...named('KEY', file), paths: filesOfKey }

/** What the source reads is known where it is opened; here a file too many does no harm. */
function filesOfKey(key: string): readonly string[] {
  const { modulePath, pinSource } = tryRead(() => parsePkcs11Uri(key)) ?? {}
  const words = tryRead(() => parseJson(key, (fault) => new Error(fault)))
  const named = [modulePath, pinSource, ...(Array.isArray(words) ? words : [])]
  return [key, ...named.filter((path) => typeof path === 'string')]
}

/** Mistakes are said where the key is opened. */
function tryRead<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

export const signerOptions = {
  privateKey: option({
    long: 'private-key',
    group: SIGNING,
    type: signingKey,
    description: 'sign with this key: a file, or what --private-key-source says',
  }),
  privateKeySource: option({
    long: 'private-key-source',
    group: SIGNING,
    type: choice(KEY_SOURCES),
    description: 'what KEY is: a file (default), a command, the socket of an agent, a pkcs11 URI',
  }),
  certificate: option({
    long: 'certificate',
    group: SIGNING,
    type: file,
    description: "the key's certificate (PEM or DER)",
  }),
  passphraseFile: option({
    long: 'passphrase-file',
    group: SIGNING,
    type: file,
    description: "a file with the passphrase of an encrypted key, or a token's PIN",
  }),
  signingTimeout: option({
    long: 'signing-timeout',
    group: SIGNING,
    type: integer('SECONDS', { from: 1, to: 86_400 }),
    description: `how long a command or agent may take; by default ${DEFAULT_PATIENCE}`,
  }),
}
