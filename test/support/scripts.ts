/**
 * Command-line transcripts: text files one can read aloud, run with the built command in an empty
 * folder.
 *
 * A line is a command and its words, quoted like in a shell but without expansion; `!` in front
 * expects the opposite.
 *
 *     extsign WORD…         runs the command; it has to succeed (`!`: has to fail)
 *     exit CODE             the last command ended with this code
 *     stdout 'PATTERN'      the last command's output matches, `^` and `$` at every line
 *     stderr 'PATTERN'
 *     exists FILE           `! exists FILE`: it is not there
 *     same FILE FILE        both hold the same bytes
 *     input FILE            standard input of the next command
 *     env NAME=VALUE        for the commands that follow; `env NAME=` removes it
 *     flip FILE OFFSET      flips one bit of a byte; a negative offset counts from the end
 *     cut FILE SIZE         shortens the file
 *     append FILE 'TEXT'
 *     uki FILE VERSION .NAME=TEXT…   makes an image with a stub of this version and sections, `@` a file
 *     copy FILE FILE, remove FILE, mkdir DIR, link TARGET FILE, mode OCTAL FILE
 *
 * Lines `-- path --` at the end begin files, which are there before the first command runs.
 */

import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { runExtsign } from './extsign.ts'
import { makeUki } from './pe.ts'
import type { RunResult } from './run.ts'

interface Step {
  readonly line: number
  readonly negated: boolean
  readonly words: readonly string[]
}

interface State {
  readonly folder: string
  readonly environment: Map<string, string>
  last: RunResult | undefined
  /** For the next command. */
  input: Uint8Array | undefined
}

/** Runs a transcript in `folder`, which is empty; throws an Error that names the line that failed. */
export function runScript(path: string, folder: string): void {
  const [script = '', ...sections] = readFileSync(path, 'utf8').split(/^-- (?=.+ --$)/m)
  for (const section of sections) writeSection(section, folder)
  const state: State = {
    folder,
    environment: new Map([['PATH', '']]),
    last: undefined,
    input: undefined,
  }
  for (const step of parseScript(script)) {
    try {
      runStep(step, state)
    } catch (error) {
      const said = state.last
        ? `\n--- stdout\n${state.last.stdout}--- stderr\n${state.last.stderr}`
        : ''
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`${path}:${step.line}: ${step.words.join(' ')}: ${reason}${said}`)
    }
  }
}

function writeSection(section: string, folder: string): void {
  const end = section.indexOf(' --\n')
  const path = join(folder, section.slice(0, end))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, section.slice(end + ' --\n'.length))
}

function parseScript(script: string): Step[] {
  return script.split('\n').flatMap((text, index) => {
    if (/^\s*(#|$)/.test(text)) return []
    const [first, ...rest] = splitWords(text)
    const negated = first === '!'
    return [{ line: index + 1, negated, words: negated ? rest : [first ?? '', ...rest] }]
  })
}

function splitWords(text: string): string[] {
  const words = text.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []
  return words.map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'))
}

function runStep({ words, negated }: Step, state: State): void {
  const [name = '', ...args] = words
  const check = checks[name]
  if (check !== undefined) {
    const problem = check(args, state)
    if ((problem === undefined) === negated) throw new Error(problem ?? 'expected otherwise')
    return
  }
  const action = actions[name]
  if (action === undefined || negated) throw new Error('no such command in transcripts')
  action(args, state)
}

/** Return what is wrong, or undefined. */
const checks: Readonly<Record<string, (args: string[], state: State) => string | undefined>> = {
  extsign(args, state) {
    const { folder, environment, input } = state
    const env = Object.fromEntries(environment)
    state.last = runExtsign(args, { cwd: folder, env, ...(input && { input }) })
    state.input = undefined
    const { status, signal } = state.last
    // A crash is no failure that a transcript may expect.
    if (signal !== null || /this is a bug/.test(state.last.stderr)) throw new Error('it crashed')
    return status === 0 ? undefined : `ended with ${status}`
  },
  exit: ([code], { last }) =>
    last?.status === Number(code) ? undefined : `ended with ${last?.status}`,
  stdout: ([pattern = ''], { last }) => findMissing(pattern, last?.stdout),
  stderr: ([pattern = ''], { last }) => findMissing(pattern, last?.stderr),
  exists: ([file = ''], { folder }) => (existsSync(join(folder, file)) ? undefined : 'not there'),
  same: ([a = '', b = ''], { folder }) =>
    readFileSync(join(folder, a)).equals(readFileSync(join(folder, b))) ? undefined : 'they differ',
}

function findMissing(pattern: string, text = ''): string | undefined {
  return new RegExp(pattern, 'm').test(text) ? undefined : 'no match'
}

const actions: Readonly<Record<string, (args: string[], state: State) => void>> = {
  input([file = ''], state) {
    state.input = readFileSync(join(state.folder, file))
  },
  env([assignment = ''], { environment }) {
    const at = assignment.indexOf('=')
    const name = assignment.slice(0, at)
    if (at === assignment.length - 1) environment.delete(name)
    else environment.set(name, assignment.slice(at + 1))
  },
  flip([file = '', position = ''], { folder }) {
    const bytes = readFileSync(join(folder, file))
    const offset = Number(position) < 0 ? bytes.length + Number(position) : Number(position)
    const byte = bytes[offset]
    if (byte === undefined) throw new Error(`the file has only ${bytes.length} bytes`)
    bytes[offset] = byte ^ 1
    writeFileSync(join(folder, file), bytes)
  },
  cut: ([file = '', size = ''], { folder }) => truncateSync(join(folder, file), Number(size)),
  append: ([file = '', text = ''], { folder }) => appendFileSync(join(folder, file), text),
  uki([file = '', stub = '', ...sections], { folder }) {
    const made = sections.map((section) => {
      const at = section.indexOf('=')
      const text = section.slice(at + 1)
      const content = text.startsWith('@') ? readFileSync(join(folder, text.slice(1))) : text
      return { name: section.slice(0, at), content }
    })
    writeFileSync(join(folder, file), makeUki(made, { stub }))
  },
  copy: ([from = '', to = ''], { folder }) => copyFileSync(join(folder, from), join(folder, to)),
  remove: ([file = ''], { folder }) => rmSync(join(folder, file), { recursive: true }),
  mkdir: ([path = ''], { folder }) => void mkdirSync(join(folder, path), { recursive: true }),
  link: ([target = '', file = ''], { folder }) => symlinkSync(target, join(folder, file)),
  mode: ([bits = '', file = ''], { folder }) =>
    chmodSync(join(folder, file), Number.parseInt(bits, 8)),
}
