/** JSON that others wrote. */

/** As deep as systemd follows it (`DEPTH_MAX` in src/libsystemd/sd-json). */
const MAX_DEPTH = 2048

/**
 * The value of a JSON text. It is never nested so deep that functions which call themselves for each
 * level run out of stack.
 *
 * @param refuse makes the error for a text that is `fault`: `not JSON`, for example. What the parser
 *   says itself quotes the text, in which there may be a secret.
 */
export function parseJson(text: string, refuse: (fault: string) => Error): unknown {
  if (isDeeperThan(text, MAX_DEPTH)) throw refuse(`JSON of more than ${MAX_DEPTH} levels`)
  try {
    return JSON.parse(text)
  } catch {
    throw refuse('not JSON')
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING: readonly number[] = [0x5b, 0x7b]
const CLOSING: readonly number[] = [0x5d, 0x7d]

/** Whether brackets outside of strings are nested deeper. Text that is not JSON gets any answer. */
function isDeeperThan(text: string, maximum: number): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (inString) {
      if (unit === BACKSLASH) at++
      else if (unit === QUOTE) inString = false
    } else if (unit === QUOTE) inString = true
    else if (OPENING.includes(unit)) {
      if (++depth > maximum) return true
    } else if (CLOSING.includes(unit)) depth--
  }
  return false
}
