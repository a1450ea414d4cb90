/** What a program of the user's choice prints: a secret from a password manager. */

import { joinSecret } from '../bytes/secret.ts'
import { KeyError } from '../errors.ts'
import type { ProgramEnvironment } from './run-program.ts'

export interface OutputOptions {
  /** The program and its arguments; no shell reads them. */
  readonly words: readonly string[]
  /** Bytes of output. */
  readonly maximum: number
  /** All that it finds in its environment. */
  readonly environment: ProgramEnvironment
  /** Milliseconds until a program that does not end is ended. */
  readonly patience: number
  /** Ends it. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs a program and returns its standard output; the caller overwrites it. What it says on standard
 * error goes where ours goes.
 *
 * @throws KeyError NOT_FOUND, UNREADABLE, TIMED_OUT; AbortError
 */
export async function readCommandOutput(options: OutputOptions): Promise<Uint8Array> {
  const { startProgram } = await import('./run-program.ts')
  const { maximum, words } = options
  const name = words[0] ?? ''
  const { child, stop, ended } = startProgram({
    ...options,
    name,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const chunks: Buffer[] = []
  let size = 0
  child.stdout?.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= maximum) chunks.push(chunk)
    else {
      chunk.fill(0)
      stop()
    }
  })
  try {
    const { code, signal } = await ended
    if (size > maximum) {
      throw new KeyError('UNREADABLE', `${name} prints more than ${maximum} bytes`)
    }
    if (code !== 0) throw new KeyError('UNREADABLE', `${name} ended with ${code ?? signal}`)
    return joinSecret(chunks)
  } finally {
    for (const chunk of chunks) chunk.fill(0)
  }
}
