/**
 * No command replaces what it reads: not with --force, and not under another name of the same file. The
 * arguments that name files to write say so (`replaces`); all other files are read.
 */

import { type BigIntStats, lstatSync, statSync } from 'node:fs'
import type { Argument, Arguments } from './arguments.ts'
import { UsageError, UsageErrors } from './errors.ts'
import { placeFinder } from './places.ts'

/** Stands for standard input or output. */
const STANDARD = '-'
const STANDARD_INPUT = '/dev/stdin'

/** The files of a command that none of its arguments names. */
export interface FilesBeside {
  readonly reads?: readonly string[]
  readonly writes?: readonly string[]
}

interface InputFile {
  readonly path: string
  /** The key of the argument that names it. */
  readonly argument: string | undefined
  readonly identities: readonly string[]
}

interface OutputFile {
  readonly path: string
  /** The keys of the arguments whose files it may replace. */
  readonly replaces: readonly string[]
}

type Values = Readonly<Record<string, unknown>>

/** @throws UsageErrors where an output is a file that is read, or another output */
export function assertInputsKept(
  table: Arguments,
  values: Values,
  { reads = [], writes = [] }: FilesBeside = {},
): void {
  const inputs = reads.map((path) => inputOf(path, undefined))
  const outputs: OutputFile[] = writes.map((path) => ({ path, replaces: [] }))
  for (const [key, argument] of Object.entries(table)) {
    if (argument.kind === 'flag') continue
    for (const path of pathsOf(argument, values[key])) {
      const { replaces } = argument
      if (replaces === undefined) inputs.push(inputOf(path, key))
      else if (path !== STANDARD) outputs.push({ path, replaces })
    }
  }
  const mistakes = [...findReplaced(outputs, inputs), ...findSame(outputs)]
  if (mistakes.length > 0) throw new UsageErrors(mistakes)
}

function pathsOf(argument: Exclude<Argument, { kind: 'flag' }>, value: unknown): string[] {
  const { paths } = argument.type
  if (paths === undefined) return []
  const texts: unknown[] = Array.isArray(value) ? value : [value]
  return texts.flatMap((text) => (typeof text === 'string' && text !== '' ? paths(text) : []))
}

function inputOf(path: string, argument: string | undefined): InputFile {
  return { path, argument, identities: identitiesOf(path === STANDARD ? STANDARD_INPUT : path) }
}

function findReplaced(
  outputs: readonly OutputFile[],
  inputs: readonly InputFile[],
): readonly UsageError[] {
  return outputs.flatMap(({ path, replaces }) => {
    const found = identitiesOf(path)
    const read = inputs.find(
      ({ argument, identities }) =>
        !(argument !== undefined && replaces.includes(argument)) &&
        identities.some((identity) => found.includes(identity)),
    )
    return read ? [wouldReplace(path, read.path)] : []
  })
}

function findSame(outputs: readonly OutputFile[]): readonly UsageError[] {
  const mistakes: UsageError[] = []
  const placeOf = placeFinder()
  const written = new Map<string, string>()
  for (const { path } of outputs) {
    const names = [placeOf(path), ...identitiesOf(path)]
    const other = names.map((name) => written.get(name)).find((same) => same !== undefined)
    if (other !== undefined) {
      mistakes.push(new UsageError(`${path} and ${other} are the same file, and both are written`))
    }
    for (const name of names) written.set(name, path)
  }
  return mistakes
}

function wouldReplace(output: string, input: string): UsageError {
  const read = input === STANDARD ? 'standard input' : input
  return new UsageError(`${output} would replace ${read}, which is read for it`)
}

/**
 * What is under a path, in texts that are the same for the same file whatever its names: the file, and
 * the link that leads to it. Nothing for a folder, which no file replaces, and for what is not there.
 */
export function identitiesOf(path: string): readonly string[] {
  const [name, file] = [lstatSync, statSync].map((look) =>
    tryLook(() => look(path, { bigint: true })),
  )
  if (file?.isDirectory()) return []
  const found = [name, file].filter((stat) => stat !== undefined)
  return [...new Set(found.map(({ dev, ino }) => `${dev}:${ino}`))]
}

function tryLook(look: () => BigIntStats): BigIntStats | undefined {
  try {
    return look()
  } catch {
    // What cannot be looked at is said where it is read or written.
    return undefined
  }
}
