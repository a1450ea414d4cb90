/**
 * JSON as others write it, for files that have to be the same byte for byte: systemd's two forms
 * (src/libsystemd/sd-json), and that of Python's json module, which ukify uses.
 */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject

export type JsonObject = { readonly [name: string]: JsonValue }

/** `short` has no blanks at all, `pretty` a line for each element, `python` one line with blanks. */
export type JsonStyle = 'short' | 'pretty' | 'python'

interface Punctuation {
  readonly comma: string
  readonly colon: string
  readonly indent: string
}

const STYLES: Readonly<Record<JsonStyle, Punctuation>> = {
  short: { comma: ',', colon: ':', indent: '' },
  pretty: { comma: ',', colon: ' : ', indent: '\t' },
  python: { comma: ', ', colon: ': ', indent: '' },
}

/** The text of `value`, without a newline at its end. Fields stand in the order they have. */
export function formatJsonText(value: JsonValue, style: JsonStyle): string {
  const text = write(value, STYLES[style], '')
  return style === 'python' ? escapeNonAscii(text) : text
}

function write(value: JsonValue, style: Punctuation, margin: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = margin + style.indent
  const parts: string[] = []
  // Loops: two thousand levels of functions in functions would not fit on the stack.
  if (Array.isArray(value)) {
    for (const each of value) parts.push(write(each, style, inner))
    return wrap('[]', parts, style, margin)
  }
  for (const [name, field] of Object.entries(value)) {
    parts.push(`${JSON.stringify(name)}${style.colon}${write(field, style, inner)}`)
  }
  return wrap('{}', parts, style, margin)
}

function wrap(
  brackets: '[]' | '{}',
  parts: readonly string[],
  { comma, indent }: Punctuation,
  margin: string,
): string {
  const [open, close] = brackets
  if (parts.length === 0) return brackets
  if (indent === '') return `${open}${parts.join(comma)}${close}`
  const separator = `${comma}\n${margin}${indent}`
  return `${open}\n${margin}${indent}${parts.join(separator)}\n${margin}${close}`
}

function escapeNonAscii(text: string): string {
  return text.replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
