#!/usr/bin/env node
/** The executable: the one place that touches the real process. */

import { randomBytes } from 'node:crypto'
import type { Context, Output } from './context.ts'
import { ExitCode, reportError } from './errors.ts'
import { main } from './main.ts'

const FALLBACK_COLUMNS = 80

/** Standard output or error could not be written, and not because nobody reads it any more. */
let hasFailed = false

/**
 * A command is run to its end even when its reader (`| head`) has gone: its exit code still answers
 * the question that was asked. A full disk is a failure.
 */
function output(stream: NodeJS.WriteStream): Output {
  let closed = false
  stream.on('error', (error: NodeJS.ErrnoException) => {
    closed = true
    if (error.code === 'EPIPE') return
    hasFailed = true
    process.exitCode = ExitCode.failed
    if (stream === process.stdout)
      process.stderr.write(`extsign: error: output: ${error.message}\n`)
  })
  return {
    write(text) {
      if (!closed) stream.write(text)
    },
    isTerminal: stream.isTTY === true,
    columns: stream.columns || FALLBACK_COLUMNS,
  }
}

async function readInput(maximum: number): Promise<Uint8Array | undefined> {
  const { readStream } = await import('./standard-input.ts')
  return readStream(process.stdin, maximum)
}

let interruption: AbortController | undefined

/** The first Ctrl-C aborts, so that half-written files are removed; the second one ends at once. */
function interrupts(): AbortSignal {
  if (interruption) return interruption.signal
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort())
  }
  interruption = controller
  return controller.signal
}

const isInteractive = process.stdin.isTTY === true && process.stderr.isTTY === true

const context: Context = {
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  environment: process.env,
  cwd: process.cwd(),
  now: () => new Date(),
  random: (size) => new Uint8Array(randomBytes(size)),
  readInput,
  interrupts,
  ...(isInteractive && {
    askPassphrase: async (question) => {
      const { askPassphrase } = await import('./prompt.ts')
      return askPassphrase(question, process.stdin, (text) => process.stderr.write(text))
    },
  }),
}

/** Milliseconds that work in progress has to remove its half-written files. */
const CLEAN_UP = 5000

/** The last resort for an error that nothing has caught: work in progress ends as with Ctrl-C. */
process.on('uncaughtException', (error) => {
  if (!hasFailed) reportError(error, context.stderr)
  hasFailed = true
  process.exitCode = ExitCode.failed
  interruption?.abort()
  setTimeout(() => process.exit(), CLEAN_UP).unref()
})

const exitCode = await main(process.argv.slice(2), context)
process.exitCode = hasFailed ? ExitCode.failed : exitCode
