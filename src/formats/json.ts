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

/**
 * Whether an object in a JSON text has two fields of one name, of which parsers take one or the other:
 * another tool would show another value than the one that is used.
 *
 * @param value what the text was parsed to
 */
export function hasTwinFields(text: string, value: unknown): boolean {
  let fields = 0
  eachUnquoted(text, (unit) => {
    if (unit === COLON) fields++
  })
  return fields !== countFields(value)
}

function countFields(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let fields = Array.isArray(value) ? 0 : Object.keys(value).length
  for (const each of Object.values(value)) fields += countFields(each)
  return fields
}

const COLON = 0x3a
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING: readonly number[] = [0x5b, 0x7b]
const CLOSING: readonly number[] = [0x5d, 0x7d]

/** Whether brackets outside of strings are nested deeper. Text that is not JSON gets any answer. */
function isDeeperThan(text: string, maximum: number): boolean {
  let depth = 0
  let deepest = 0
  eachUnquoted(text, (unit) => {
    if (OPENING.includes(unit)) deepest = Math.max(deepest, ++depth)
    else if (CLOSING.includes(unit)) depth--
  })
  return deepest > maximum
}

/** Calls `visit` with each code unit outside of strings. */
function eachUnquoted(text: string, visit: (unit: number) => void): void {
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) inString = !inString
    else if (!inString) visit(unit)
    else if (unit === BACKSLASH) at++
  }
}
