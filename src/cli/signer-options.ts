/** The options that say where a private key is, shared by every command that signs. */

import { KEY_SOURCES } from '../keys/signers/open-signer.ts'
import { option } from './arguments.ts'
import { choice, file, integer, named } from './types.ts'

const SIGNING = 'Signing'

/** Seconds until a command or agent that does not answer is given up. */
export const DEFAULT_PATIENCE = 120

export const signerOptions = {
  privateKey: option({
    long: 'private-key',
    group: SIGNING,
    type: named('KEY', file),
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
