/** Truth values as systemd's `parse_boolean` reads them. */

const TRUE = ['1', 'yes', 'y', 'true', 't', 'on']
const FALSE = ['0', 'no', 'n', 'false', 'f', 'off']

/** The truth value `text` stands for in either case, or undefined where it stands for none. */
export function parseBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase()
  if (TRUE.includes(word)) return true
  return FALSE.includes(word) ? false : undefined
}
