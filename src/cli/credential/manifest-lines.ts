/** The lines of a manifest, one at a time. */

import { decodeUtf8 } from '../../bytes/utf8.ts'
import { UsageError } from '../errors.ts'

/** Bytes that a line may have; of the credential that it describes nothing stands in it. */
export const MAX_LINE = 1024 * 1024

const NEWLINE = 0x0a

export interface ManifestLine {
  /** From 1. */
  readonly line: number
  readonly content: string
  /** The newline behind it; empty behind the last line, where there is none. */
  readonly newline: string
}

/** @throws UsageError where a line is too long or no text. */
export async function* readLines(blocks: AsyncIterable<Uint8Array>): AsyncIterable<ManifestLine> {
  let line = 1
  let rest: Uint8Array[] = []
  let size = 0
  const take = (end: Uint8Array, newline: string): ManifestLine => {
    const bytes = rest.length === 0 ? end : Buffer.concat([...rest, end])
    rest = []
    size = 0
    const text = decodeUtf8(bytes)
    if (text === undefined) throw new UsageError(`line ${line}: it is not UTF-8 text`)
    const content = line === 1 ? text.replace(/^\ufeff/, '') : text
    return { line: line++, content, newline }
  }
  for await (const block of blocks) {
    let from = 0
    for (let end = block.indexOf(NEWLINE); end >= 0; end = block.indexOf(NEWLINE, from)) {
      yield take(block.subarray(from, end), '\n')
      from = end + 1
    }
    size += block.length - from
    if (size > MAX_LINE) {
      throw new UsageError(`line ${line}: it has more than ${MAX_LINE} bytes`)
    }
    // The block is valid only until the next one.
    if (from < block.length) rest.push(block.slice(from))
  }
  if (size > 0) yield take(new Uint8Array(0), '')
}
