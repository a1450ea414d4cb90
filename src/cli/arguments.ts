/**
 * What a command accepts, as plain values: the one table from which parsing, help, completions and
 * the manual's option lists are made.
 */

import { choice, type ValueType } from './types.ts'

interface Described {
  readonly description: string
}

interface Named extends Described {
  readonly long: string
  /** One letter. */
  readonly short?: string
  /** Heading in the help under which the option stands. */
  readonly group?: string
}

interface ReadsTexts<Value> {
  /** The typed value from the texts given, in order; throws a UsageError that names the fault. */
  read(texts: readonly string[]): Value
}

export interface FlagArgument extends Named {
  readonly kind: 'flag'
}

/** A flag that may say how: `--json`, `--json=short`. */
export interface WordFlagArgument<Value = unknown> extends FlagArgument, ReadsTexts<Value> {
  readonly words: readonly string[]
}

interface Written {
  /**
   * Given where the value is a file that is written: the keys of the arguments whose files it may
   * replace. It replaces no other file that the command reads.
   */
  readonly replaces?: readonly string[]
}

export interface OptionArgument<Value = unknown> extends Named, Written, ReadsTexts<Value> {
  readonly kind: 'option'
  readonly type: ValueType<unknown>
  readonly repeatable: boolean
  /** A variable that stands in when the option is not given; the command reads it. */
  readonly environment?: string
  /** `--name=` with nothing behind it says something too. */
  readonly acceptsEmpty?: boolean
}

export interface PositionalArgument<Value = unknown> extends Described, Written, ReadsTexts<Value> {
  readonly kind: 'positional'
  readonly type: ValueType<unknown>
  readonly required: boolean
  readonly repeatable: boolean
}

export type Argument = FlagArgument | WordFlagArgument | OptionArgument | PositionalArgument
export type Arguments = { readonly [name: string]: Argument }

export type ValueOf<A> =
  A extends ReadsTexts<infer Value> ? Value : A extends FlagArgument ? boolean : never
export type ValuesOf<Table> = { readonly [Name in keyof Table]: ValueOf<Table[Name]> }

export function flag(config: Named): FlagArgument {
  return { kind: 'flag', ...config }
}

/** A flag with a word behind `=`, or without one; then the value is an empty text. */
export function wordFlag<const Words extends readonly string[]>(
  config: Named & { readonly words: Words },
): WordFlagArgument<Words[number] | '' | undefined> {
  return {
    kind: 'flag',
    ...config,
    read: ([text]) => (text === undefined || text === '' ? text : choice(config.words).parse(text)),
  }
}

type OptionConfig<T> = Named &
  Written & {
    readonly type: ValueType<T>
    readonly environment?: string
    readonly acceptsEmpty?: boolean
  }

/** An option given at most once. */
export function option<T>(config: OptionConfig<T>): OptionArgument<T | undefined> {
  return {
    kind: 'option',
    repeatable: false,
    ...config,
    read: ([text]) => (text === undefined ? undefined : config.type.parse(text)),
  }
}

/** An option that may be given several times. */
export function options<T>(config: OptionConfig<T>): OptionArgument<readonly T[]> {
  return {
    kind: 'option',
    repeatable: true,
    ...config,
    read: (texts) => texts.map((text) => config.type.parse(text)),
  }
}

type PositionalConfig<T> = Described & Written & { readonly type: ValueType<T> }

/** An argument without which the command makes no sense. */
export function positional<T>(config: PositionalConfig<T>): PositionalArgument<T> {
  return {
    kind: 'positional',
    required: true,
    repeatable: false,
    ...config,
    read: ([text = '']) => config.type.parse(text),
  }
}

/** An argument that may be left out. */
export function optionalPositional<T>(
  config: PositionalConfig<T>,
): PositionalArgument<T | undefined> {
  return {
    kind: 'positional',
    required: false,
    repeatable: false,
    ...config,
    read: ([text]) => (text === undefined ? undefined : config.type.parse(text)),
  }
}

/** One or more arguments, all that are left. */
export function positionals<T>(config: PositionalConfig<T>): PositionalArgument<readonly T[]> {
  return {
    kind: 'positional',
    required: true,
    repeatable: true,
    ...config,
    read: (texts) => texts.map((text) => config.type.parse(text)),
  }
}

/** Any number of arguments, also none; all that are left. */
export function optionalPositionals<T>(
  config: PositionalConfig<T>,
): PositionalArgument<readonly T[]> {
  return { ...positionals(config), required: false }
}
