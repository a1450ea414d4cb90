/**
 * argv to typed values. cmd-ts splits the words and assigns them; this file closes its gaps: a value
 * option without a value counts there as not given, flags swallow `=text`, unknown options get no
 * suggestion, and the first mistake hides how the others are worded.
 */

import type { ArgParser } from 'cmd-ts/dist/cjs/argparser.js'
import type {
  Argument,
  Arguments,
  FlagArgument,
  OptionArgument,
  PositionalArgument,
  ValuesOf,
  WordFlagArgument,
} from './arguments.ts'
import { UsageError, UsageErrors } from './errors.ts'
import { suggest } from './suggest.ts'

type Node = Parameters<ArgParser<unknown>['parse']>[0]['nodes'][number]
type OptionNode = Extract<Node, { type: 'longOption' | 'shortOption' }>

/** The values of `table` as `argv` gives them; throws UsageErrors with every mistake there is. */
export async function parseArguments<Table extends Arguments>(
  name: string,
  table: Table,
  argv: readonly string[],
): Promise<ValuesOf<Table>> {
  refuseEmpty(argv)
  const mistakes: UsageError[] = []
  const texts = await assign(name, table, argv, mistakes)
  // A word an unknown option took for its value is not missing elsewhere.
  const complete = mistakes.length === 0
  const values: Record<string, unknown> = {}
  for (const [key, argument] of Object.entries(table)) {
    const found = texts.get(key) ?? []
    if (argument.kind === 'positional' && argument.required && found.length === 0) {
      if (complete) mistakes.push(new UsageError(`${argument.type.placeholder} is missing`))
    } else {
      values[key] = readValue(argument, found, mistakes)
    }
  }
  if (mistakes.length > 0) throw new UsageErrors(mistakes)
  return values as ValuesOf<Table> // each field came from the `read` whose type it has
}

/** cmd-ts would drop an empty word without a trace, and with it what an unset variable stood for. */
function refuseEmpty(argv: readonly string[]): void {
  const index = argv.indexOf('')
  if (index < 0) return
  const place = index === 0 ? 'the first argument' : `the argument after '${argv[index - 1]}'`
  const hint = 'is it a variable that is not set?'
  throw new UsageErrors([new UsageError(`${place} is empty`, { hint })])
}

/** The raw texts of each argument; flags that are given have one text. */
async function assign(
  name: string,
  table: Arguments,
  argv: readonly string[],
  mistakes: UsageError[],
): Promise<Map<string, readonly string[]>> {
  const { command, parse } = await import('cmd-ts')
  const texts = new Map<string, readonly string[]>()
  const parsers: Record<string, ArgParser<unknown>> = {}
  for (const [key, argument] of Object.entries(table)) {
    const collect = (found: readonly string[]) => texts.set(key, found)
    parsers[key] =
      argument.kind === 'positional'
        ? positionalParser(argument, collect)
        : optionParser(argument, collect, mistakes, openEnd(argv))
  }
  parsers.leftovers = leftoverParser(table, mistakes)
  await parse(command({ name, args: parsers, handler: () => undefined }), [...argv])
  return texts
}

/** The name in a last word `--name=`, of which cmd-ts leaves no more than of `--name`. */
function openEnd(argv: readonly string[]): string | undefined {
  return /^--([^=]+)=$/.exec(argv.at(-1) ?? '')?.[1]
}

const DONE = { _tag: 'ok', value: undefined } as const

function optionParser(
  argument: FlagArgument | WordFlagArgument | OptionArgument,
  collect: (texts: readonly string[]) => void,
  mistakes: UsageError[],
  openEnd: string | undefined,
): ArgParser<unknown> {
  return {
    register(options) {
      const flag = argument.kind === 'flag'
      const long = flag ? options.forceFlagLongNames : options.forceOptionLongNames
      const short = flag ? options.forceFlagShortNames : options.forceOptionShortNames
      long.add(argument.long)
      if (argument.short !== undefined) short.add(argument.short)
    },
    async parse({ nodes, visitedNodes }) {
      const found = optionNodes(nodes).filter(
        ({ type, key }) => key === (type === 'longOption' ? argument.long : argument.short),
      )
      const texts: string[] = []
      for (const node of found) {
        visitedNodes.add(node)
        const isOpen = node === found.at(-1) && openEnd === argument.long
        const mistake = findMistake(argument, node, isOpen)
        if (mistake === undefined) texts.push(node.value?.node.raw ?? '')
        else mistakes.push(mistake)
      }
      if (found.length > 1 && (argument.kind === 'flag' || !argument.repeatable)) {
        mistakes.push(new UsageError(`--${argument.long} is given ${found.length} times`))
      }
      collect(texts)
      return DONE
    },
  }
}

function findMistake(
  argument: FlagArgument | WordFlagArgument | OptionArgument,
  node: OptionNode,
  isOpen: boolean,
): UsageError | undefined {
  const word = spell(node)
  const value = node.value
  if (argument.kind === 'flag') {
    const isFine =
      'words' in argument
        ? value === undefined || value.delimiter.raw === '='
        : value === undefined && !isOpen
    if (isFine) return undefined
    return new UsageError(`${word} takes no value`)
  }
  if (argument.acceptsEmpty && isOpen) return undefined
  if (value === undefined || (value.node.raw === '' && !argument.acceptsEmpty)) {
    return new UsageError(`${word} needs a value: ${word} ${argument.type.placeholder}`)
  }
  // `--private-key --certificate c.crt` forgot a value; it does not name a file `--certificate`.
  if (value.delimiter.raw !== '=' && /^-./.test(value.node.raw)) {
    return new UsageError(`${word} needs a value, but '${value.node.raw}' follows`, {
      hint: `write ${word}=${value.node.raw} if that is the value`,
    })
  }
  return undefined
}

function positionalParser(
  argument: PositionalArgument,
  collect: (texts: readonly string[]) => void,
): ArgParser<unknown> {
  return {
    async parse({ nodes, visitedNodes }) {
      const free = nodes.filter(
        (node) => node.type === 'positionalArgument' && !visitedNodes.has(node) && node.raw !== '',
      )
      const taken = argument.repeatable ? free : free.slice(0, 1)
      for (const node of taken) visitedNodes.add(node)
      collect(taken.map((node) => node.raw))
      return DONE
    },
  }
}

/** Runs last and turns what nobody claimed into mistakes. */
function leftoverParser(table: Arguments, mistakes: UsageError[]): ArgParser<unknown> {
  const names = Object.values(table).flatMap((argument) =>
    argument.kind === 'positional' ? [] : [argument.long],
  )
  return {
    async parse({ nodes, visitedNodes }) {
      for (const node of optionNodes(nodes)) {
        if (visitedNodes.has(node)) continue
        visitedNodes.add(node)
        const meant = node.type === 'longOption' ? suggest(node.key, [...names, 'help']) : undefined
        mistakes.push(
          new UsageError(`unknown option ${spell(node)}`, {
            hint: meant === undefined ? undefined : `did you mean --${meant}?`,
          }),
        )
      }
      for (const node of nodes) {
        if (node.type !== 'positionalArgument' || visitedNodes.has(node) || node.raw === '')
          continue
        visitedNodes.add(node)
        mistakes.push(new UsageError(`unexpected argument '${node.raw}'`))
      }
      return DONE
    },
  }
}

function optionNodes(nodes: readonly Node[]): OptionNode[] {
  return nodes.flatMap((node): OptionNode[] =>
    node.type === 'longOption' ? [node] : node.type === 'shortOptions' ? node.options : [],
  )
}

function spell(node: OptionNode): string {
  return node.type === 'longOption' ? `--${node.key}` : `-${node.key}`
}

function readValue(argument: Argument, texts: readonly string[], mistakes: UsageError[]): unknown {
  if (argument.kind === 'flag' && !('read' in argument)) return texts.length > 0
  try {
    return argument.read(texts)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const isNamed = argument.kind !== 'positional'
    const label = isNamed ? `--${argument.long}` : argument.type.placeholder
    mistakes.push(new UsageError(`${label}: ${error.message}`, { hint: error.hint }))
    return undefined
  }
}
