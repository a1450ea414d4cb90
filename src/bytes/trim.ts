/**
 * Characters cut off the ends of a text. A regular expression such as `/ +$/` starts anew at every
 * blank, and takes quadratic time on blanks in the middle of a text.
 */

/** `text` without the characters of `unwanted` at both of its ends. */
export function trimBoth(text: string, unwanted: string): string {
  return trimStart(trimEnd(text, unwanted), unwanted)
}

/** `text` without the characters of `unwanted` at its start. */
export function trimStart(text: string, unwanted: string): string {
  let start = 0
  while (start < text.length && unwanted.includes(text[start]!)) start++
  return text.slice(start)
}

/** `text` without the characters of `unwanted` at its end. */
export function trimEnd(text: string, unwanted: string): string {
  let end = text.length
  while (end > 0 && unwanted.includes(text[end - 1]!)) end--
  return text.slice(0, end)
}
