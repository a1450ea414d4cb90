/** A signer that is a program: the message goes in, the raw signature comes out. */

import type { LoadedCertificate } from '../certificate.ts'
import { checkedSigner, type LoadedSigner } from './checked-signer.ts'
import { signingVariables } from './signing-variables.ts'

export interface CommandSignerOptions {
  /** The program and its arguments; no shell reads them. */
  readonly words: readonly string[]
  readonly certificate: LoadedCertificate
  /** What the command finds besides what is to be signed; see `signingVariables`. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Milliseconds until a command that does not end is ended. */
  readonly patience: number
}

/**
 * A signer that runs a program for every signature. Nothing is run before the first one.
 *
 * @example
 * const signer = commandSigner({
 *   words: ['openssl', 'dgst', '-sha256', '-sign', 'release.key'],
 *   certificate: await loadCertificate('release.crt'),
 *   environment: process.env,
 *   patience: 60_000,
 * })
 */
export function commandSigner(options: CommandSignerOptions): LoadedSigner {
  const { words, certificate, environment, patience } = options
  const running = new AbortController()
  return checkedSigner({
    certificate,
    holder: `signing command ${words[0]}`,
    // One that still runs has nobody to sign for.
    forget: () => running.abort(),
    async sign(request, parts) {
      const { runSigningCommand } = await import('./run-command.ts')
      return runSigningCommand({
        words,
        input: request.payload,
        environment: { ...environment, ...signingVariables(request, parts) },
        patience,
        signal: running.signal,
      })
    },
  })
}
