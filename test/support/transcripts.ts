/**
 * Transcripts in Markdown: fenced blocks of the language `console`, where a line that starts with
 * `$ ` is a command and what follows is what it prints.
 *
 * In the output, `…` stands for any text, and alone in a line for any lines. Digests and dates may
 * be others than those in the text.
 */

export interface Step {
  /** Line of the document, from 1. */
  readonly line: number
  readonly command: string
  /** Lines of output as the document shows them. */
  readonly shown: readonly string[]
}

/** Every command of every transcript in a document, in order. */
export function readTranscripts(markdown: string): readonly Step[] {
  const steps: { line: number; command: string; shown: string[] }[] = []
  let inside = false
  for (const [index, line] of markdown.split('\n').entries()) {
    if (line.startsWith('```')) inside = line === '```console'
    else if (inside && line.startsWith('$ ')) {
      steps.push({ line: index + 1, command: line.slice(2), shown: [] })
    } else if (inside) steps.at(-1)?.shown.push(line)
  }
  return steps
}

/** A pattern for everything a command may have printed where the document shows these lines. */
export function outputPattern(shown: readonly string[]): RegExp {
  const lines = shown.map((line) => (line === '…' ? '(?:.*\\n)*?' : `${linePattern(line)}\\n`))
  return new RegExp(`^${lines.join('')}$`)
}

function linePattern(line: string): string {
  return line
    .replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    .replaceAll('…', '.*')
    .replaceAll(/\b[0-9a-f]{64}\b/g, '[0-9a-f]{64}')
    .replaceAll(/\b\d{4}-\d\d-\d\d\b/g, '\\d{4}-\\d\\d-\\d\\d')
}
