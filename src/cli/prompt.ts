/** Asks for a passphrase at the terminal without showing it. */

import { allocateSecret, copySecret } from '../bytes/secret.ts'
import { FileError } from '../errors.ts'

/** The part of a terminal's input that is needed: `process.stdin`, or a test's own. */
export interface TerminalInput {
  setRawMode(raw: boolean): unknown
  resume(): unknown
  pause(): unknown
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'end', listener: () => void): unknown
  off(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  off(event: 'end', listener: () => void): unknown
}

const ENTER = [0x0d, 0x0a]
const INTERRUPT = 0x03
const END = 0x04
const ERASE = [0x08, 0x7f]
const ERASE_LINE = 0x15
/** Longer than any passphrase OpenSSL takes. */
const MAX_SIZE = 1024

/**
 * What is typed up to Enter; the bytes are the caller's to overwrite.
 *
 * @throws AbortError on Ctrl-C, which a terminal in raw mode does not turn into a signal; FileError IO
 *   where the terminal is closed.
 */
export async function askPassphrase(
  question: string,
  input: TerminalInput,
  write: (text: string) => void,
): Promise<Uint8Array> {
  const typed = allocateSecret(MAX_SIZE)
  let size = 0
  write(question)
  input.setRawMode(true)
  input.resume()
  try {
    await new Promise<void>((resolve, reject) => {
      const listen = (chunk: Uint8Array) => {
        for (const [index, byte] of chunk.entries()) {
          chunk[index] = 0
          if (byte === INTERRUPT) return finish(() => reject(abortError()))
          if (ENTER.includes(byte) || byte === END) return finish(resolve)
          if (byte === ERASE_LINE) size = 0
          else if (ERASE.includes(byte)) size = endOfPrevious(typed, size)
          else if (byte >= 0x20 && size < MAX_SIZE) typed[size++] = byte
        }
      }
      const end = () =>
        finish(() => reject(new FileError('IO', 'the terminal was closed at the prompt')))
      const finish = (settle: () => void) => {
        input.off('data', listen)
        input.off('end', end)
        settle()
      }
      input.on('data', listen)
      input.on('end', end)
    })
    return copySecret(typed.subarray(0, size))
  } finally {
    typed.fill(0)
    input.setRawMode(false)
    input.pause()
    write('\n')
  }
}

/** Size without the last character, which in UTF-8 may have several bytes. */
function endOfPrevious(typed: Uint8Array, size: number): number {
  let end = size
  do end--
  while (end > 0 && ((typed[end] ?? 0) & 0xc0) === 0x80)
  return Math.max(end, 0)
}

function abortError(): Error {
  return Object.assign(new Error('interrupted at the prompt'), { name: 'AbortError' })
}
