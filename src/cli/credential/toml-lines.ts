/**
 * The places of tables in a TOML document, for error messages: parsers tell them only of mistakes
 * that they find themselves.
 */

/**
 * What may hide a header, and where it ends; a text in one line hides none. One that does not end, as
 * in no valid document, is taken to the end of its line, not tried anew from its next quote.
 */
const OPENING = /"""|'''|"[^"\\\n]*(?:\\.[^"\\\n]*)*(?:"|\\?$)|'[^'\n]*(?:'|$)|#.*/g

/**
 * Numbers, from 1, of the lines that begin a table `[[name]]`.
 *
 * @param text a valid document
 */
export function findTableLines(text: string, name: string): readonly number[] {
  const isHeader = tableLines(name)
  return text.split('\n').flatMap((line, index) => (isHeader(line) ? [index + 1] : []))
}

/** Tells of each line of a valid document, given in order, whether it begins a table `[[name]]`. */
export function tableLines(name: string): (line: string) => boolean {
  const header = new RegExp(`^[ \\t]*\\[\\[[ \\t]*(["']?)${name}\\1[ \\t]*\\]\\]`)
  let open: string | undefined
  return (line) => {
    const isHeader = open === undefined && header.test(line)
    open = stateAfter(line, open)
    return isHeader
  }
}

/** The quotes that are open at the end of a line, of a text that goes on in the next. */
function stateAfter(line: string, before: string | undefined): string | undefined {
  let open = before
  let offset = 0
  for (;;) {
    if (open !== undefined) {
      const end = findClosing(line, open, offset)
      if (end < 0) return open
      offset = end
      open = undefined
    }
    OPENING.lastIndex = offset
    const found = OPENING.exec(line)?.[0]
    if (found === undefined) return undefined
    offset = OPENING.lastIndex
    if (found === '"""' || found === "'''") open = found
  }
}

/** The offset behind the closing quotes, or -1. */
function findClosing(line: string, quotes: string, from: number): number {
  for (let at = from; at < line.length; at++) {
    // Only between double quotes a backslash takes the meaning of what follows.
    if (quotes === '"""' && line[at] === '\\') at++
    else if (line.startsWith(quotes, at)) return behindQuotes(line, at)
  }
  return -1
}

/** A text may end with quotes of its own, in front of those that close it. */
function behindQuotes(line: string, at: number): number {
  let end = at
  while (line[end] === line[at]) end++
  return end
}
