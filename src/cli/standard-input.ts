/** Standard input read to its end, with an eye on how much there is. */

import {
  constants,
  fstatSync,
  ReadStream,
  readFileSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import { devNull } from 'node:os'
import { isatty } from 'node:tty'
import { allocateSecret, copySecret, joinSecret } from '../bytes/secret.ts'
import { FileError } from '../errors.ts'
import { errnoOf } from '../files/errno.ts'
import { isSocket } from './is-socket.ts'

/** The part of `process.stdin` that is needed, or a test's own. */
export interface InputStream extends AsyncIterable<Uint8Array> {
  readonly fd: number
  readonly isTTY?: boolean
}

/**
 * Standard input in pieces.
 *
 * @param stream `process.stdin`
 *
 * @throws FileError NOT_A_FILE where Node would say that nothing is in it: of a folder, a block device
 *   or a socket that keeps messages apart it makes an empty stream, and of no input at all the null
 *   device; IO, at its end, where that was none.
 */
export function openInput(stream: InputStream): AsyncIterable<Uint8Array> {
  if (isSocket(stream)) return untilEnd(stream)
  if (!(stream instanceof ReadStream)) {
    throw new FileError('NOT_A_FILE', 'standard input is no file, pipe or stream of bytes', {
      hint: 'cat passes on what is in a device',
    })
  }
  const found = fstatSync(stream.fd)
  if (!found.isCharacterDevice()) return stream
  if (!isNull(found)) return notEmpty(stream)
  if (wasClosed(stream.fd)) throw new FileError('NOT_A_FILE', 'standard input is closed')
  return stream
}

/**
 * Node ends a stream whose peer has broken off as one whose peer has ended it: a part of a secret would
 * be taken for all of it. The system tells them apart when it is asked once more.
 */
async function* untilEnd(stream: InputStream): AsyncGenerator<Uint8Array> {
  yield* stream
  const { fd, isTTY = false } = stream
  // A terminal that is there would wait for more.
  if (!(isTTY ? isatty(fd) : isAtEnd(fd))) throw brokenOff()
}

/** A terminal that is gone is a device that gives nothing. */
async function* notEmpty(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    yield chunk
  }
  if (size === 0) throw brokenOff()
}

function brokenOff(): FileError {
  return new FileError('IO', 'standard input broke off, and what came is not all of it')
}

/** What Node has read to its end does not wait. */
function isAtEnd(fd: number): boolean {
  try {
    return readSync(fd, new Uint8Array(1)) === 0
  } catch (error) {
    // Another program has opened the fifo since; Windows says EOF.
    return ['EAGAIN', 'EOF'].includes(errnoOf(error) ?? '')
  }
}

function isNull({ rdev }: Stats): boolean {
  return rdev === statSync(devNull, { throwIfNoEntry: false })?.rdev
}

/**
 * Whether there was no descriptor when the process began. Node opens the null device in its place, for
 * reading and writing; of a parent that does the same nothing is to be read either.
 */
function wasClosed(fd: number): boolean {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')
    const [, flags = ''] = /^flags:\s*([0-7]+)$/m.exec(text) ?? []
    const access = constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR
    return (Number.parseInt(flags, 8) & access) === constants.O_RDWR
  } catch {
    // Not everywhere it can be told.
    return false
  }
}

/** All bytes of `stream`, or undefined where there are more than `maximum`. */
export async function readStream(
  stream: AsyncIterable<Uint8Array>,
  maximum: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of stream) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maximum) return undefined
    }
    return joinSecret(chunks)
  } finally {
    // It may be a secret.
    for (const chunk of chunks) chunk.fill(0)
  }
}

/** The same of a file, of which the stream that Node makes keeps copies that cannot be overwritten. */
export function readInputFile(descriptor: number, maximum: number): Uint8Array | undefined {
  const buffer = allocateSecret(maximum + 1)
  let size = 0
  try {
    for (;;) {
      const count = readSync(descriptor, buffer, size, buffer.length - size, null)
      if (count === 0) return copySecret(buffer.subarray(0, size))
      size += count
      if (size > maximum) return undefined
    }
  } finally {
    buffer.fill(0, 0, size)
  }
}
