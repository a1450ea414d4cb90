/** Completion for fish: one `complete` line per option, guarded by the words before it. */

import type { Argument } from '../arguments.ts'
import { registry } from '../registry.ts'
import type { Completable, Valued } from './completable.ts'

/** For fish 3 or later. */
export function fishScript(commands: readonly Completable[]): string {
  const lines = ['# fish completion for extsign', 'complete -c extsign -f']
  const first = 'test (count (commandline -opc)) -eq 1'
  for (const { name, summary } of registry) {
    lines.push(`complete -c extsign -n '${first}' -a ${name} -d ${quote(summary)}`)
  }
  for (const { path, summary, arguments: table } of commands) {
    const [outer, inner] = path.split(' ')
    if (inner !== undefined) {
      const second = `test (count (commandline -opc)) -eq 2; and __fish_seen_subcommand_from ${outer}`
      lines.push(`complete -c extsign -n '${second}' -a ${inner} -d ${quote(summary)}`)
    }
    const words = path.split(' ')
    const condition = words
      .map((word, index) => `test (commandline -opc)[${index + 2}] = ${word}`)
      .join('; and ')
    const guard = `-n 'test (count (commandline -opc)) -gt ${words.length}; and ${condition}'`
    for (const argument of table) lines.push(`complete -c extsign ${guard} ${spell(argument)}`)
  }
  return `${lines.join('\n')}\n`
}

function spell(argument: Argument): string {
  if (argument.kind === 'positional') return action(argument)
  const short = argument.short === undefined ? '' : `-s ${argument.short} `
  const value = argument.kind === 'flag' ? '' : ` -r ${action(argument)}`
  return `${short}-l ${argument.long} -d ${quote(argument.description)}${value}`
}

function action({ type }: Valued): string {
  if (type.choices !== undefined) return `-a ${quote(type.choices.join(' '))}`
  if (type.completes === undefined) return '-f'
  return type.completes === 'directory' ? "-a '(__fish_complete_directories)'" : '-F'
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`
}
