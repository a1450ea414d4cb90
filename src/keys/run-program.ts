/**
 * Runs a program that the user named, without a shell, and bounds it: in time, and to its own
 * process group, of which nothing is left behind. One of the few modules that run a program.
 */

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { KeyError } from '../errors.ts'
import { errnoOf } from '../files/errno.ts'

export type ProgramEnvironment = Readonly<Record<string, string | undefined>>

export interface ProgramRun {
  /** The program and its arguments; no shell reads them. */
  readonly words: readonly string[]
  /** What it is called in errors. */
  readonly name: string
  /** All that it finds in its environment. */
  readonly environment: ProgramEnvironment
  readonly stdio: StdioOptions
  /** Milliseconds until it is ended. */
  readonly patience: number
  /** Ends it. */
  readonly signal?: AbortSignal | undefined
}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface RunningProgram {
  readonly child: ChildProcess
  /** Ends it and the programs that it has started. */
  stop(): void
  /**
   * Its end. Its children are not waited for: those of its process group are ended with it.
   *
   * @throws KeyError NOT_FOUND where it cannot be run, TIMED_OUT; AbortError
   */
  readonly ended: Promise<Ending>
}

/** Milliseconds in which what is in the pipes is read after the end. */
const LAST_WORDS = 1000

export function startProgram(run: ProgramRun): RunningProgram {
  const { words, name, environment, stdio, patience, signal: aborted } = run
  const [program = '', ...args] = words
  // Where a person is, it stays in our group: it may ask at the terminal, and Ctrl-C reaches it.
  const detached = process.platform !== 'win32' && !hasTerminal()
  const child = spawnChild()
  function spawnChild(): ChildProcess {
    try {
      return spawn(program, args, { stdio, env: environment, detached })
    } catch (cause) {
      // Some of what is wrong Node says here, and some on the child.
      throw explain(cause, name)
    }
  }
  const stop = () => {
    const { pid } = child
    if (pid === undefined) return
    try {
      if (detached) process.kill(-pid, 'SIGKILL')
      else child.kill('SIGKILL')
    } catch {
      // It has ended, and so have all of its group.
    }
  }
  const ended = new Promise<Ending>((resolve, reject) => {
    const settle = (finish: () => void) => {
      clearTimeout(timer)
      clearTimeout(lastWords)
      process.off('exit', stop)
      aborted?.removeEventListener('abort', onAbort)
      stop()
      for (const pipe of [child.stdout, child.stderr]) pipe?.destroy()
      finish()
    }
    let lastWords: NodeJS.Timeout | undefined
    const timer = setTimeout(() => {
      const message = `${name} took more than ${patience / 1000} s`
      settle(() => reject(new KeyError('TIMED_OUT', message)))
    }, patience)
    const onAbort = () => settle(() => reject(aborted?.reason))
    process.on('exit', stop)
    aborted?.addEventListener('abort', onAbort)
    child.on('error', (cause) => settle(() => reject(explain(cause, name))))
    child.on('close', (code, signal) => settle(() => resolve({ code, signal })))
    // A child that it leaves behind may hold the pipes open for ever.
    child.on('exit', (code, signal) => {
      stop()
      lastWords = setTimeout(() => settle(() => resolve({ code, signal })), LAST_WORDS)
    })
    if (aborted?.aborted) onAbort()
  })
  return { child, stop, ended }
}

/** Whether this process has a terminal of its own, wherever its streams go. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

const FACTS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'no such program'],
  ['EACCES', 'permission denied'],
  ['ENOTDIR', 'a part of the path is not a directory'],
  ['ELOOP', 'too many symbolic links'],
  ['ENAMETOOLONG', 'the name is too long'],
  ['E2BIG', 'its arguments and environment are too long'],
])

function explain(cause: unknown, name: string): KeyError {
  const errno = errnoOf(cause) ?? (cause instanceof Error ? cause.message : String(cause))
  const fact = FACTS.get(errno) ?? errno
  return new KeyError('NOT_FOUND', `cannot run ${name}: ${fact}`, { cause })
}
