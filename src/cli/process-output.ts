/**
 * Standard output and error of this process: nothing that was written is lost, and it is known when
 * the system has taken it.
 */

import { writeSync } from 'node:fs'
import { encodeUtf8 } from '../bytes/utf8.ts'
import type { Output } from './context.ts'
import { isSocket } from './is-socket.ts'

const FALLBACK_COLUMNS = 80

/** The part of `process.stdout` that is needed, or a test's own. */
export interface ProcessStream {
  readonly fd: number
  readonly isTTY?: boolean
  readonly columns?: number
  write(content: string | Uint8Array, taken: (error?: Error | null) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

export interface ProcessOutput extends Output {
  /** Resolves when everything that was written so far was taken or cannot be. */
  flushed(): Promise<unknown>
}

/**
 * @param onFailure told once of what is not the reader's going away: a full disk
 */
export function processOutput(
  stream: ProcessStream,
  onFailure: (error: Error) => void,
): ProcessOutput {
  let isClosed = false
  let last: Promise<boolean> = Promise.resolve(true)
  const fail = (error: Error): void => {
    if (isClosed) return
    isClosed = true
    if (!('code' in error && error.code === 'EPIPE')) onFailure(error)
  }
  stream.on('error', fail)
  const put = isStream(stream) ? throughStream : throughDescriptor

  function deliver(content: string | Uint8Array): Promise<boolean> {
    if (!isClosed) last = put(stream, content, fail)
    return isClosed ? Promise.resolve(false) : last
  }
  return {
    write(text) {
      void deliver(text)
    },
    deliver,
    flushed: () => last,
    isTerminal: stream.isTTY === true,
    columns: stream.columns || FALLBACK_COLUMNS,
  }
}

type Put = (
  stream: ProcessStream,
  content: string | Uint8Array,
  fail: (error: Error) => void,
) => Promise<boolean>

/** For terminals, pipes and sockets, which take what they have room for, now and later. */
const throughStream: Put = (stream, content, fail) =>
  new Promise((resolve) => {
    stream.write(content, (error) => {
      if (error) fail(error)
      resolve(!error)
    })
  })

/**
 * For everything else. The stream that Node makes of a file ignores it where only a part was taken, as
 * it is when the disk becomes full; what it makes of a block device, or of a socket that keeps messages
 * apart, takes all and passes nothing on.
 */
const throughDescriptor: Put = async ({ fd }, content, fail) => {
  const bytes = typeof content === 'string' ? encodeUtf8(content) : content
  try {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(fd, bytes, done, bytes.length - done)
    }
    return true
  } catch (error) {
    fail(error as Error) // writeSync throws nothing else
    return false
  }
}

/** Whether Node writes to it by itself: a terminal is a socket to it. */
function isStream(stream: ProcessStream): boolean {
  return stream.isTTY === true || isSocket(stream)
}
