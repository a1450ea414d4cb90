/**
 * Runs a signing command: the message on its standard input, the signature on its standard output.
 *
 * One of the few modules that run a program, and only the one that the user named as the key.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { KeyError } from '../../errors.ts'
import { errnoOf } from '../../files/errno.ts'

export interface CommandRun {
  /** The program and its arguments; no shell reads them. */
  readonly words: readonly string[]
  readonly input: Uint8Array
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Milliseconds until a command that does not end is ended. */
  readonly patience: number
}

/** No signature is larger. */
const MAX_OUTPUT = 16 * 1024
/** Characters of what a failing command says that are worth showing. */
const MAX_SAID = 600

/**
 * What the command prints.
 *
 * @throws KeyError NOT_FOUND where it cannot be run, SIGNER_FAILED where it fails, says nothing or
 *   too much, TIMED_OUT.
 */
export async function runSigningCommand(run: CommandRun): Promise<Uint8Array> {
  const [program = '', ...args] = run.words
  const child = spawn(program, args, { stdio: 'pipe', env: run.environment })
  const printed = collect(child.stdout, MAX_OUTPUT, () => child.kill('SIGKILL'))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_SAID)
  })
  // A command that does not want the message may end before it has read it.
  child.stdin.on('error', () => undefined)
  child.stdin.end(run.input)

  const { code, signal } = await ended(child, program, run.patience)
  const name = `signing command ${program}`
  if (printed.isTooLarge()) {
    const message = `${name} printed more than ${MAX_OUTPUT} bytes, too many for a signature`
    throw new KeyError('SIGNER_FAILED', message)
  }
  if (code !== 0) {
    throw new KeyError('SIGNER_FAILED', `${name} ended with ${code ?? signal}${quote(said)}`)
  }
  const bytes = printed.bytes()
  if (bytes.length === 0)
    throw new KeyError('SIGNER_FAILED', `${name} printed nothing${quote(said)}`)
  return bytes
}

interface Printed {
  bytes(): Uint8Array
  isTooLarge(): boolean
}

function collect(stream: NodeJS.ReadableStream, maximum: number, stop: () => void): Printed {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > maximum) stop()
    else chunks.push(chunk)
  })
  return {
    bytes: () => new Uint8Array(Buffer.concat(chunks)),
    isTooLarge: () => size > maximum,
  }
}

interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Waits for the end, and not for grandchildren that keep the pipes open after it was ended. */
function ended(child: ChildProcess, program: string, patience: number): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const give = (error: KeyError) => {
      clearTimeout(timer)
      child.stdout?.destroy()
      child.stderr?.destroy()
      reject(error)
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      const seconds = patience / 1000
      give(new KeyError('TIMED_OUT', `signing command ${program} took more than ${seconds} s`))
    }, patience)
    child.on('error', (cause) => give(explain(cause, program)))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal })
    })
  })
}

function explain(cause: Error, program: string): KeyError {
  const errno = errnoOf(cause) ?? cause.message
  const fact = { ENOENT: 'no such program', EACCES: 'permission denied' }[errno] ?? errno
  return new KeyError('NOT_FOUND', `cannot run signing command ${program}: ${fact}`, { cause })
}

/** The last words of a command, in one line. */
function quote(said: string): string {
  const lines = said.split('\n').flatMap((line) => line.trim() || [])
  return lines.length === 0 ? '' : `; it said: ${lines.slice(-4).join(' | ')}`
}
