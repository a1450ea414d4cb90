/** What a command is: a table of what it accepts, and a function of typed values and a context. */

import type { Arguments, ValuesOf } from './arguments.ts'
import type { Context } from './context.ts'
import { assertInputsKept, type FilesBeside } from './kept-inputs.ts'
import { parseArguments } from './parse.ts'

export interface CommandConfig<Table extends Arguments> {
  /** The words after `extsign`. */
  readonly name: string
  /** Sentences shown below the usage line. */
  readonly description: string
  readonly arguments: Table
  readonly examples?: readonly string[]
  /** What it reads and writes beside the files that its arguments name. */
  readonly files?: (values: ValuesOf<Table>, context: Context) => FilesBeside
  /** Returns the exit code; throws what `reportError` can print. */
  readonly run: (values: ValuesOf<Table>, context: Context) => Promise<number>
}

/** A command with its types closed over: what the dispatcher, help and completion work with. */
export interface Command {
  readonly name: string
  readonly description: string
  readonly arguments: Arguments
  readonly examples: readonly string[]
  /** Parses `argv` (what follows the command's name) and runs; throws UsageErrors when it is wrong. */
  readonly execute: (argv: readonly string[], context: Context) => Promise<number>
}

export function defineCommand<const Table extends Arguments>(
  config: CommandConfig<Table>,
): Command {
  return {
    name: config.name,
    description: config.description,
    arguments: config.arguments,
    examples: config.examples ?? [],
    execute: async (argv, context) => {
      const values = await parseArguments(config.name, config.arguments, argv)
      assertInputsKept(config.arguments, values, config.files?.(values, context))
      return config.run(values, context)
    },
  }
}
