/**
 * Runs a signing command: the message on its standard input, the signature on its standard output.
 *
 * One of the few modules that run a program, and only the one that the user named as the key. Both
 * are files without a name, because the pipes of Node are sockets, and programs that open
 * /dev/stdin or /dev/stdout fail on those.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { type FileHandle, mkdtemp, open, rmdir, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
/** The files, before they lose their names. */
const FILES = ['message', 'signature'] as const
/** Milliseconds between two looks at how much it has printed. */
const LOOK = 100

/**
 * What the command prints.
 *
 * @throws KeyError NOT_FOUND where it cannot be run, SIGNER_FAILED where it fails, says nothing or
 *   too much, TIMED_OUT.
 */
export async function runSigningCommand(run: CommandRun): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'extsign-'))
  const handles: FileHandle[] = []
  try {
    for (const name of FILES) {
      handles.push(await open(join(folder, name), 'wx+', 0o600))
    }
    const [message, signature] = handles as [FileHandle, FileHandle] // two names, two handles
    // Written at a position, which leaves the one the program starts to read at where it is.
    await message.write(run.input, 0, run.input.length, 0)
    // On Windows what is open cannot be removed; `finally` comes again.
    await removeFolder(folder)
    return await runBetween(run, message, signature)
  } finally {
    for (const handle of handles) await handle.close()
    await removeFolder(folder)
  }
}

/** Only what we made, and no folder that another user has put in its place is walked. */
async function removeFolder(folder: string): Promise<void> {
  for (const name of FILES) await unlink(join(folder, name)).catch(() => undefined)
  await rmdir(folder).catch(() => undefined)
}

async function runBetween(
  { words, environment, patience }: CommandRun,
  input: FileHandle,
  output: FileHandle,
): Promise<Uint8Array> {
  const [program = '', ...args] = words
  const child = spawn(program, args, { stdio: [input.fd, output.fd, 'pipe'], env: environment })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_SAID)
  })
  const sizeOf = async () => (await output.stat()).size
  const { code, signal } = await ended(child, program, patience, sizeOf)
  const name = `signing command ${program}`
  const size = await sizeOf()
  if (size > MAX_OUTPUT) {
    const message = `${name} printed more than ${MAX_OUTPUT} bytes, too many for a signature`
    throw new KeyError('SIGNER_FAILED', message)
  }
  if (code !== 0) {
    throw new KeyError('SIGNER_FAILED', `${name} ended with ${code ?? signal}${quote(said)}`)
  }
  if (size === 0) throw new KeyError('SIGNER_FAILED', `${name} printed nothing${quote(said)}`)
  const { buffer, bytesRead } = await output.read(new Uint8Array(size), 0, size, 0)
  return buffer.subarray(0, bytesRead)
}

interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Waits for the end of the command, but not of children that it leaves behind when it is ended. */
function ended(
  child: ChildProcess,
  program: string,
  patience: number,
  sizeOf: () => Promise<number>,
): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const looking = setInterval(async () => {
      const size = await sizeOf().catch(() => 0)
      if (size > MAX_OUTPUT) child.kill('SIGKILL')
    }, LOOK)
    const settle = (finish: () => void) => {
      clearInterval(looking)
      clearTimeout(timer)
      child.stderr?.destroy()
      finish()
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      const message = `signing command ${program} took more than ${patience / 1000} s`
      settle(() => reject(new KeyError('TIMED_OUT', message)))
    }, patience)
    child.on('error', (cause) => settle(() => reject(explain(cause, program))))
    child.on('close', (code, signal) => settle(() => resolve({ code, signal })))
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
