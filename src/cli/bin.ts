#!/usr/bin/env node
/** The executable: the one place that touches the real process. */

import type { Context, Output } from './context.ts'
import { main } from './main.ts'

const FALLBACK_COLUMNS = 80

/**
 * Results go on until the command is done, even when the reader (`| head`) has gone: its exit code
 * still answers the question that was asked.
 */
function output(stream: NodeJS.WriteStream): Output {
  let closed = false
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    closed = true
  })
  return {
    write(text) {
      if (!closed) stream.write(text)
    },
    isTerminal: stream.isTTY === true,
    columns: stream.columns || FALLBACK_COLUMNS,
  }
}

/** The first Ctrl-C aborts, so that half-written files are removed; the second one ends at once. */
function interrupts(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort())
  }
  return controller.signal
}

const isInteractive = process.stdin.isTTY === true && process.stderr.isTTY === true

const context: Context = {
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  environment: process.env,
  cwd: process.cwd(),
  now: () => new Date(),
  interrupts,
  ...(isInteractive && {
    askPassphrase: async (question) => {
      const { askPassphrase } = await import('./prompt.ts')
      return askPassphrase(question, process.stdin, (text) => process.stderr.write(text))
    },
  }),
}

process.exitCode = await main(process.argv.slice(2), context)
