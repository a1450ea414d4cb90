/** Base64 text that takes the place of other base64 text, in lines like those it had. */

/** Characters of base64 side by side in a file. */
export interface Run {
  readonly start: number
  readonly end: number
}

const HAS_COMMENT = /[\r\n\0][ \t]*[#;]/
const LINES = /[^\r\n\0]*(?:[\r\n\0]+|$)/g

/**
 * What stands from the first of `runs` to the end of the last one when their base64 is replaced.
 * Lines are as long as they were and as many as it takes; comments between them stay.
 *
 * @param text the file; a character is a byte
 * @param runs in order, at least one
 */
export function refill(text: string, runs: readonly Run[], base64: string): string {
  const gaps = runs.slice(1).map(({ start }, index) => text.slice(runs[index]!.end, start))
  const lengths = runs.map(({ start, end }) => end - start)
  // One line stays one, however long.
  const width =
    runs.length === 1 ? base64.length : lengths.reduce((most, length) => Math.max(most, length))
  const parts: string[] = []
  let offset = 0
  for (let index = 0; offset < base64.length; index++) {
    const length = index < runs.length - 1 ? lengths[index]! : width
    if (index > 0) parts.push(gaps[index - 1] ?? usualGap(gaps))
    parts.push(base64.slice(offset, offset + length))
    offset += length
  }
  const used = (parts.length - 1) / 2
  return [...parts, ...gaps.slice(used).filter((gap) => HAS_COMMENT.test(gap))].join('')
}

/** What is between lines when there are more of them than there were. */
function usualGap(gaps: readonly string[]): string {
  const plain = gaps.findLast((gap) => !HAS_COMMENT.test(gap))
  if (plain !== undefined) return plain
  return (gaps.at(-1)?.match(LINES) ?? []).filter((line) => !/^[ \t]*[#;]/.test(line)).join('')
}
