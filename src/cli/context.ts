/** Everything a command may touch. Made once from the real process; tests hand in others. */

import type { Random } from '../crypto/random.ts'

/** A stream that goes to a person or into a pipe. */
export interface Output {
  /** Writes text. Nothing has to wait for it: the process does not end before it was taken. */
  write(text: string): void
  /**
   * Writes, and waits until the system has taken everything. Bytes must not be overwritten before.
   * Whoever writes much waits too, so that it does not pile up in memory.
   *
   * @returns false where not everything was taken: the reader has gone, or the disk is full
   */
  deliver(content: string | Uint8Array): Promise<boolean>
  readonly isTerminal: boolean
  /** Width in characters, when it is a terminal. */
  readonly columns: number
}

export interface Context {
  /** Results. */
  readonly stdout: Output
  /** Conversation: errors, warnings, progress. */
  readonly stderr: Output
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Absolute path, used to name things; paths in arguments are opened as they were given. Throws FileError. */
  readonly cwd: () => string
  readonly now: () => Date
  readonly random: Random
  /** All of standard input, unless it has more than `maximum` bytes: then undefined. */
  readonly readInput: (maximum: number) => Promise<Uint8Array | undefined>
  /** Standard input in pieces, for what may be of any size. */
  readonly openInput: () => AsyncIterable<Uint8Array>
  /** Asks for a passphrase; absent where nobody is there to answer. */
  readonly askPassphrase?: (question: string) => Promise<Uint8Array>
  /**
   * Takes over Ctrl-C: from the first call on, an interrupt aborts the returned signal instead of
   * ending the process, so only commands that pass the signal on may ask for it.
   */
  readonly interrupts: () => AbortSignal
  /**
   * From the first call on a signal is answered with what was written, also where that is nothing yet,
   * before it ends the process. Only for work that never keeps the process from hearing it.
   */
  readonly saysEnd: () => void
}

/** The variable's value as it is. `process.env` also has what every object has, such as `constructor`. */
export function rawVariable({ environment }: Context, name: string): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined
}

/** The variable's value without surrounding blanks; one that is set but empty counts as not set. */
export function environmentVariable(context: Context, name: string): string | undefined {
  return rawVariable(context, name)?.trim() || undefined
}
