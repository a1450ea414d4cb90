/** Patterns over names of credentials: `*` is any text, `?` any character, all else is itself. */

/** Whether `pattern` covers all of `name`. Takes time in proportion to both lengths multiplied. */
export function matchesGlob(pattern: string, name: string): boolean {
  let at = 0
  let star = -1
  let resume = 0
  for (let position = 0; position < name.length; ) {
    const symbol = pattern[at]
    if (symbol === '*') {
      star = at++
      resume = position
    } else if (symbol === '?' || symbol === name[position]) {
      at++
      position++
    } else if (star >= 0) {
      at = star + 1
      position = ++resume
    } else {
      return false
    }
  }
  return /^\**$/.test(pattern.slice(at))
}
