/**
 * Runs a signing command: the message on its standard input, the signature on its standard output.
 *
 * Both are files without a name, because the pipes of Node are sockets, and programs that open
 * /dev/stdin or /dev/stdout fail on those.
 */

import type { FileHandle } from 'node:fs/promises'
import { KeyError } from '../../errors.ts'
import { openNameless } from '../../files/nameless.ts'
import { readHandle } from '../../files/read.ts'
import type { Ending, ProgramEnvironment, RunningProgram } from '../run-program.ts'

export interface CommandRun {
  /** The program and its arguments; no shell reads them. */
  readonly words: readonly string[]
  readonly input: Uint8Array
  /** All that it finds in its environment. */
  readonly environment: ProgramEnvironment
  /** Milliseconds until a command that does not end is ended. */
  readonly patience: number
  /** Ends the command. */
  readonly signal?: AbortSignal | undefined
}

/** No signature is larger. */
const MAX_OUTPUT = 16 * 1024
/** Characters of what a failing command says that are worth showing. */
const MAX_SAID = 600
/** Milliseconds between two looks at how much it has printed. */
const LOOK = 10

/**
 * What the command prints.
 *
 * @throws KeyError NOT_FOUND where it cannot be run, SIGNER_FAILED where it fails, says nothing or
 *   too much, TIMED_OUT.
 */
export async function runSigningCommand(run: CommandRun): Promise<Uint8Array> {
  const files = await openNameless(2)
  try {
    const [message, signature] = files.handles as [FileHandle, FileHandle] // as many as asked for
    // Written at a position, which leaves the one the program starts to read at where it is.
    await message.write(run.input, 0, run.input.length, 0)
    return await runBetween(run, message, signature)
  } finally {
    await files.close()
  }
}

async function runBetween(
  run: CommandRun,
  input: FileHandle,
  output: FileHandle,
): Promise<Uint8Array> {
  const { startProgram } = await import('../run-program.ts')
  const name = `signing command ${run.words[0] ?? ''}`
  const program = startProgram({ ...run, name, stdio: [input.fd, output.fd, 'pipe'] })
  let said = ''
  program.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_SAID)
  })
  const sizeOf = async () => (await output.stat()).size
  const { code, signal } = await endedWithin(program, sizeOf)
  const size = await sizeOf()
  if (size > MAX_OUTPUT) {
    const message = `${name} printed more than ${MAX_OUTPUT} bytes, too many for a signature`
    throw new KeyError('SIGNER_FAILED', message)
  }
  if (code !== 0) {
    throw new KeyError('SIGNER_FAILED', `${name} ended with ${code ?? signal}${quote(said)}`)
  }
  if (size === 0) throw new KeyError('SIGNER_FAILED', `${name} printed nothing${quote(said)}`)
  const printed = new Uint8Array(size)
  return printed.subarray(0, await readHandle(output, printed, 0))
}

/** Ends a command that prints more than a signature. */
async function endedWithin(
  { ended, stop }: RunningProgram,
  sizeOf: () => Promise<number>,
): Promise<Ending> {
  const looking = setInterval(async () => {
    const size = await sizeOf().catch(() => 0)
    if (size > MAX_OUTPUT) stop()
  }, LOOK)
  try {
    return await ended
  } finally {
    clearInterval(looking)
  }
}

/** The last words of a command, in one line. */
function quote(said: string): string {
  const lines = said.split('\n').flatMap((line) => line.trim() || [])
  return lines.length === 0 ? '' : `; it said: ${lines.slice(-4).join(' | ')}`
}
