/** How a signing command is written down: a JSON array, or a file with one word a line. */

import { KeyError } from '../../errors.ts'
import { readText } from '../../files/text.ts'
import { parseJson } from '../../formats/json.ts'

const MAX_SIZE = 64 * 1024
const HINT = 'write ["program","argument",…], or name a file with one word a line'

/**
 * The program and its arguments, from JSON text or from the file that `text` names. No shell reads
 * them, so that no word can become two.
 *
 * @throws KeyError BAD_OPTION where that is no command; FileError from the file.
 */
export async function readCommandWords(text: string): Promise<readonly string[]> {
  const words = text.startsWith('[')
    ? parseWords(text)
    : parseLines(await readText(text, { maximum: MAX_SIZE }), text)
  if (words.length === 0 || words[0] === '') throw bad('names no program')
  if (words.some((word) => word.includes('\0'))) throw bad('has a NUL character in it')
  return words
}

function parseWords(text: string): string[] {
  const value = parseJson(text, (fault) => bad(`begins with [ and is ${fault}`))
  if (!Array.isArray(value)) throw bad('is not an array')
  return value.map((word: unknown) => {
    if (typeof word !== 'string') throw bad('has a word that is not a string')
    return word
  })
}

function parseLines(text: string, path: string): string[] {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  const empty = lines.indexOf('')
  if (empty < 0) return lines
  throw new KeyError('BAD_OPTION', `signing command ${path}: line ${empty + 1} is empty`, {
    hint: 'every line is one word; write an empty one in JSON',
  })
}

function bad(fact: string): KeyError {
  return new KeyError('BAD_OPTION', `the signing command ${fact}`, { hint: HINT })
}
