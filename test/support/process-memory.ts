/** What is in the memory of another process: all that it could write to, as a core dump has it. */

import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

const PIECE = 4 * 1024 * 1024

/** How often each needle stands in the memory of the process, by its name. */
export function countInMemory(
  pid: number,
  needles: Readonly<Record<string, Uint8Array>>,
): Record<string, number> {
  const counts = Object.fromEntries(Object.keys(needles).map((name) => [name, 0]))
  const overlap = Math.max(...Object.values(needles).map((needle) => needle.length)) - 1
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  try {
    for (const [start, end] of writableRanges(pid)) {
      let kept: Uint8Array = new Uint8Array(0)
      for (let at = start; at < end; at += PIECE) {
        const piece = readAt(memory, at, Math.min(PIECE, end - at))
        const text = Buffer.concat([kept, piece])
        for (const [name, needle] of Object.entries(needles)) {
          counts[name]! += count(text, needle, kept.length)
        }
        kept = text.subarray(Math.max(0, text.length - overlap))
      }
    }
  } finally {
    closeSync(memory)
  }
  return counts
}

/** Matches that end behind the first `known` bytes, which were searched before. */
function count(text: Buffer, needle: Uint8Array, known: number): number {
  let found = 0
  for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
    if (at + needle.length > known) found++
  }
  return found
}

function writableRanges(pid: number): (readonly [number, number])[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')
  return lines.flatMap((line) => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line)
    return match ? [[Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)] as const] : []
  })
}

/** What was never touched may not be readable: then it is nothing. */
function readAt(memory: number, position: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  try {
    return bytes.subarray(0, readSync(memory, bytes, 0, size, position))
  } catch {
    return new Uint8Array(0)
  }
}
