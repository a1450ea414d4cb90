/** Completion for fish: one `complete` line per option, guarded by the words before it. */

import type { Argument } from '../arguments.ts'
import { registry } from '../registry.ts'
import type { Completable, Valued } from './completable.ts'

/** For fish 3 or later. */
export function fishScript(commands: readonly Completable[]): string {
  const complete = 'complete -c extsign'
  const names = registry.map(({ name }) => name).join(' ')
  const lines = [
    '# fish completion for extsign',
    `${complete} -f`,
    `${complete} ${after([])} -a help -d 'show help'`,
    `${complete} ${after(['help'])} -a '${names}'`,
    ...registry.map(({ name, summary }) => {
      return `${complete} ${after([])} -a ${name} -d ${quote(summary)}`
    }),
  ]
  for (const { path, summary, arguments: table } of commands) {
    const words = path.split(' ')
    const [group, inner] = words
    if (group !== undefined && inner !== undefined) {
      lines.push(`${complete} ${after([group])} -a ${inner} -d ${quote(summary)}`)
    }
    for (const argument of table) lines.push(`${complete} ${below(words)} ${spell(argument)}`)
  }
  return `${lines.join('\n')}\n`
}

/** The word after exactly these. */
function after(words: readonly string[]): string {
  return condition(words, '-eq')
}

/** Every word after these. */
function below(words: readonly string[]): string {
  return condition(words, '-gt')
}

function condition(words: readonly string[], relation: '-eq' | '-gt'): string {
  const count = relation === '-eq' ? words.length + 1 : words.length
  const tests = words.map((word, index) => `test (commandline -opc)[${index + 2}] = ${word}`)
  return `-n '${[`test (count (commandline -opc)) ${relation} ${count}`, ...tests].join('; and ')}'`
}

function spell(argument: Argument): string {
  if (argument.kind === 'positional') return action(argument)
  const short = argument.short === undefined ? '' : `-s ${argument.short} `
  const value = argument.kind === 'flag' ? '' : ` -r ${action(argument)}`
  return `${short}-l ${argument.long} -d ${quote(argument.description)}${value}`
}

function action({ type }: Valued): string {
  if (type.choices !== undefined) return `-f -a ${quote(type.choices.join(' '))}`
  if (type.completes === undefined) return '-f'
  return type.completes === 'directory' ? "-f -a '(__fish_complete_directories)'" : '-F'
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`
}
