#!/usr/bin/env node
/** The executable: the one place that touches the real process. */

import { fstatSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { randomBytes } from '../crypto/random.ts'
import { FileError } from '../errors.ts'
import {
  afterOneGo,
  beforeFirstUnfinished,
  removeUnfinished,
  whatWasWritten,
} from '../files/unfinished.ts'
import type { Context } from './context.ts'
import { ExitCode, reportError } from './errors.ts'
import { main } from './main.ts'
import { processOutput } from './process-output.ts'
import { openInput, readInputFile, readStream } from './standard-input.ts'
import { printable } from './terminal.ts'

/** Milliseconds in which the reader may take the last words of an interrupted command. */
const LAST_WORDS = 1000

/** Milliseconds that work in progress has to remove its half-written files. */
const CLEAN_UP = 5000

/** Standard output or error could not be written, and not because its reader has gone. */
let hasFailed = false

/**
 * A command is run to its end even when its reader (`| head`) has gone: its exit code still answers
 * the question that was asked. A full disk is a failure.
 */
const stderr = processOutput(process.stderr, () => {
  hasFailed = true
})
const stdout = processOutput(process.stdout, (error) => {
  hasFailed = true
  stderr.write(`extsign: error: output: ${error.message}\n`)
})

async function readInput(maximum: number): Promise<Uint8Array | undefined> {
  return fstatSync(0).isFile()
    ? readInputFile(0, maximum)
    : readStream(openInput(process.stdin), maximum)
}

let interruption: AbortController | undefined

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

// On this signal Node lets every user of the machine debug the process: read its keys, and run code in it.
process.on('SIGUSR1', () => undefined)

/** What became of a command that does not say it itself. */
function sayEnd(): void {
  const { paths, more } = whatWasWritten()
  const names = [...paths.map((path) => printable(path)), ...(more > 0 ? [`${more} more`] : [])]
  const fact = names.length === 0 ? 'nothing was written' : `written: ${names.join(', ')}`
  lastWords(`interrupted, ${fact}`)
}

/** Removes the files that are half written, and says what else is. */
function leave(): void {
  for (const path of removeUnfinished()) {
    lastWords(`left behind: ${printable(path)}, which the next run removes`)
  }
}

function lastWords(text: string): void {
  try {
    writeSync(2, `extsign: ${text}\n`)
  } catch {
    // Their reader has gone.
  }
}

/**
 * Removes what is half written and dies of the signal: unlike `process.exit`, that does not wait for
 * a thread that waits for a file system.
 */
function endBy(signal: NodeJS.Signals): void {
  leave()
  if (interruption === undefined) sayEnd()
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

let isListening = false
let isEnding = false

/**
 * The first signal aborts a command that has asked for that, so that it can say what was done and
 * what not. It has some seconds, or until the next signal. Any other command ends at once, but
 * for files that are about to get their names.
 */
function listen(): void {
  if (isListening) return
  isListening = true
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (isEnding) return endBy(signal)
      isEnding = true
      if (interruption) interruption.abort()
      else afterOneGo(() => endBy(signal))
      setTimeout(CLEAN_UP, undefined, { ref: false }).then(() => endBy(signal))
    })
  }
}

// Before there is something to remove, the system ends a process faster than a listener could.
beforeFirstUnfinished(listen)

function interrupts(): AbortSignal {
  interruption ??= new AbortController()
  listen()
  return interruption.signal
}

/** All output was taken; or the command was interrupted, and its reader has had its time. */
async function settled(): Promise<void> {
  const flushed = stdout.flushed().then(() => stderr.flushed())
  if (interruption === undefined) return void (await flushed)
  const { signal } = interruption
  const interrupted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const givenUp = interrupted.then(() => setTimeout(LAST_WORDS))
  await Promise.race([flushed, givenUp])
}

/** @throws FileError NOT_FOUND: only a command that needs it shall fail then */
function currentFolder(): string {
  try {
    return process.cwd()
  } catch (error) {
    throw new FileError('NOT_FOUND', 'the current folder was removed', { cause: error })
  }
}

const isInteractive = process.stdin.isTTY === true && process.stderr.isTTY === true

const context: Context = {
  stdout,
  stderr,
  environment: process.env,
  cwd: currentFolder,
  now: () => new Date(),
  random: randomBytes,
  readInput,
  openInput: () => openInput(process.stdin),
  interrupts,
  saysEnd: listen,
  ...(isInteractive && {
    askPassphrase: async (question) => {
      const { askPassphrase } = await import('./prompt.ts')
      return askPassphrase(question, process.stdin, (text) => process.stderr.write(text))
    },
  }),
}

/** The last resort for an error that nothing has caught: work in progress ends as with Ctrl-C. */
process.on('uncaughtException', (error) => {
  if (!hasFailed) reportError(error, context.stderr)
  hasFailed = true
  process.exitCode = ExitCode.failed
  interruption?.abort()
  setTimeout(CLEAN_UP, undefined, { ref: false }).then(() => process.exit())
})

// Also where the command has come to its end: what could not be removed is tried once more.
process.on('exit', leave)

const exitCode = await main(process.argv.slice(2), context)
await settled()
process.exitCode = hasFailed ? ExitCode.failed : exitCode
// Nothing that is still open, such as a program that signs, keeps a command that was interrupted.
if (interruption?.signal.aborted) process.exit()
