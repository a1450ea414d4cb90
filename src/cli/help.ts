/** Help texts, made from the registry and the commands' tables. 80 columns, no colours. */

import type {
  Argument,
  FlagArgument,
  OptionArgument,
  PositionalArgument,
  WordFlagArgument,
} from './arguments.ts'
import type { Command } from './command.ts'
import type { Entry, GroupEntry } from './registry.ts'

const WIDTH = 80
const HELP_LINE = ['-h, --help', 'show this text'] as const

export function formatRootHelp(entries: readonly Entry[]): string {
  return [
    'Build and sign systemd extension images, seal credentials, sign PCR policies.\n',
    'Usage: extsign COMMAND [OPTIONS] …\n',
    `Commands:\n${formatTable(entries.map(({ name, summary }) => [name, summary]))}`,
    `Options:\n${formatTable([HELP_LINE, ['--version', 'show the version']])}`,
    "'extsign help COMMAND' shows a command's options.\n",
  ].join('\n')
}

export function formatGroupHelp(group: GroupEntry): string {
  return [
    `${sentence(group.summary)}\n`,
    `Usage: extsign ${group.name} COMMAND [OPTIONS] …\n`,
    `Commands:\n${formatTable(group.entries.map(({ name, summary }) => [name, summary]))}`,
  ].join('\n')
}

export function formatCommandHelp(command: Command): string {
  const table = Object.values(command.arguments)
  const named = table.filter((argument) => argument.kind !== 'positional')
  const places = table.filter((argument) => argument.kind === 'positional')
  const groups = [...new Set(named.map(({ group }) => group ?? 'Options'))]
  const sections = groups.map((group) => {
    const rows = named.filter((argument) => (argument.group ?? 'Options') === group)
    return `${group}:\n${formatTable(rows.map((row) => [spellOption(row), describeOption(row)]))}`
  })
  const last = groups.includes('Options') ? sections.pop() : undefined
  return [
    ...command.description.split('\n\n').map((paragraph) => `${wrap(paragraph, 0)}\n`),
    `Usage: extsign ${command.name} [OPTIONS]${places.map((place) => ` ${spellPlace(place)}`).join('')}\n`,
    `Arguments:\n${formatTable(places.map((place) => [place.type.placeholder, place.description]))}`,
    ...sections,
    `${last ?? 'Options:\n'}${formatTable([HELP_LINE])}`,
    ...(command.examples.length > 0
      ? [`Examples:\n${command.examples.map((example) => `  ${example}\n`).join('')}`]
      : []),
  ].join('\n')
}

/** `-o, --output FILE`. */
export function spellOption(argument: FlagArgument | WordFlagArgument | OptionArgument): string {
  const short = argument.short === undefined ? '' : `-${argument.short}, `
  return `${short}--${argument.long}${spellValue(argument)}`
}

function spellValue(argument: FlagArgument | WordFlagArgument | OptionArgument): string {
  if (argument.kind === 'option') return ` ${argument.type.placeholder}`
  return 'words' in argument ? `[=${argument.words.join('|')}]` : ''
}

/** `TREE`, `[PATH]`, `IMAGE…`. */
export function spellPlace(argument: PositionalArgument): string {
  const name = `${argument.type.placeholder}${argument.repeatable ? '…' : ''}`
  return argument.required ? name : `[${name}]`
}

/** The description with what the table knows besides. */
export function describeOption(argument: Exclude<Argument, PositionalArgument>): string {
  const notes: string[] = []
  if (argument.kind === 'option' && argument.repeatable) notes.push('repeatable')
  if (argument.kind === 'option' && argument.environment !== undefined) {
    notes.push(`else $${argument.environment}`)
  }
  return `${argument.description}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`
}

function formatTable(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(26, Math.max(...rows.map(([left]) => left.length)))
  return rows
    .map(([left, right]) => {
      const lines = wrap(right, width + 4)
      return left.length > width
        ? `  ${left}\n${' '.repeat(width + 4)}${lines}\n`
        : `  ${left.padEnd(width)}  ${lines}\n`
    })
    .join('')
}

/** Breaks `text` at blanks; all lines but the first are indented. */
function wrap(text: string, indent: number): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`)
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`
}
