/** A context whose streams are strings, and a command line run in it. */

import { randomBytes } from 'node:crypto'
import type { Context, Output } from '../../src/cli/context.ts'
import { main } from '../../src/cli/main.ts'

export interface FakeOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly terminal?: boolean
  readonly now?: Date
  /** Ctrl-C was pressed before the work begins. */
  readonly interrupted?: boolean
  /** Ctrl-C while the work is done. */
  readonly signal?: AbortSignal
  /** What is on standard input. */
  readonly input?: Uint8Array
  /** What is answered to a question at the terminal. */
  readonly passphrase?: string
}

export interface FakeContext extends Context {
  readonly written: { stdout: string; stderr: string }
}

export function fakeContext(options: FakeOptions = {}): FakeContext {
  const written = { stdout: '', stderr: '' }
  const output = (name: 'stdout' | 'stderr'): Output => ({
    write: (text) => {
      written[name] += text
    },
    deliver: async (content) => {
      written[name] += typeof content === 'string' ? content : Buffer.from(content).toString()
      return true
    },
    isTerminal: options.terminal ?? false,
    columns: 80,
  })
  return {
    stdout: output('stdout'),
    stderr: output('stderr'),
    environment: options.environment ?? {},
    cwd: () => options.cwd ?? '/nowhere',
    now: () => options.now ?? new Date('2026-11-20T12:00:00Z'),
    random: (size) => new Uint8Array(randomBytes(size)),
    interrupts: () =>
      options.interrupted ? AbortSignal.abort() : (options.signal ?? new AbortController().signal),
    saysEnd: () => undefined,
    readInput: async (maximum) => {
      const input = options.input ?? new Uint8Array(0)
      return input.length > maximum ? undefined : input.slice()
    },
    async *openInput() {
      if (options.input !== undefined) yield options.input.slice()
    },
    written,
    ...(options.passphrase !== undefined && {
      askPassphrase: async (question) => {
        written.stderr += question
        return new TextEncoder().encode(options.passphrase)
      },
    }),
  }
}

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `extsign …argv` in this process. */
export async function extsign(argv: readonly string[], options?: FakeOptions): Promise<Outcome> {
  const context = fakeContext(options)
  const code = await main(argv, context)
  return { code, ...context.written }
}
