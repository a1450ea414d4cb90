/** Standard input read to its end, with an eye on how much there is. */

import { ReadStream, readSync } from 'node:fs'
import { allocateSecret, copySecret, joinSecret } from '../bytes/secret.ts'
import { FileError } from '../errors.ts'
import { isSocket } from './is-socket.ts'

/**
 * Standard input in pieces.
 *
 * @param stream `process.stdin`
 *
 * @throws FileError NOT_A_FILE where Node would say that nothing is in it: of a folder, a block device
 *   or a socket that keeps messages apart it makes an empty stream.
 */
export function openInput(stream: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (isSocket(stream) || stream instanceof ReadStream) return stream
  throw new FileError('NOT_A_FILE', 'standard input is no file, pipe or stream of bytes', {
    hint: 'cat passes on what is in a device',
  })
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
