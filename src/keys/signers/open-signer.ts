/** The signer for a key, wherever it is. */

import { loadCertificate } from '../certificate.ts'
import { fileSigner } from '../file-signer.ts'
import type { LoadedSigner } from './checked-signer.ts'

/** Where a private key may be, in the words of `--private-key-source`. */
export const KEY_SOURCES = ['file', 'command', 'agent', 'pkcs11'] as const
export type KeySource = (typeof KEY_SOURCES)[number]

export interface OpenSignerOptions {
  readonly source: KeySource
  /** A file, a command (see `readCommandWords`), a socket, or a pkcs11 URI. */
  readonly privateKey: string
  /** Path of the certificate that belongs to it. */
  readonly certificate: string
  /** Of an encrypted file, or the PIN of a token. */
  readonly passphrase?: Uint8Array | undefined
  /** The environment of a command. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Milliseconds until a command or agent is given up. */
  readonly patience: number
}

/**
 * Opens a key. What a source needs is loaded only when that source is named.
 *
 * @throws KeyError as the signers do.
 */
export async function openSigner(options: OpenSignerOptions): Promise<LoadedSigner> {
  const { source, privateKey, passphrase, patience, environment } = options
  if (source === 'file') {
    return fileSigner({ privateKey, certificate: options.certificate, passphrase })
  }
  const certificate = await loadCertificate(options.certificate)
  switch (source) {
    case 'command': {
      const { readCommandWords } = await import('./command-words.ts')
      const { commandSigner } = await import('./command-signer.ts')
      const words = await readCommandWords(privateKey)
      return commandSigner({ words, certificate, environment, patience })
    }
    case 'agent': {
      const { agentSigner } = await import('./agent-signer.ts')
      return agentSigner({ socket: privateKey, certificate, patience })
    }
    case 'pkcs11': {
      const { pkcs11Signer } = await import('./pkcs11-signer.ts')
      return pkcs11Signer({ uri: privateKey, certificate, pin: passphrase })
    }
  }
}
