/** Completion for zsh: one `_arguments` call per command. */

import type { Argument } from '../arguments.ts'
import { registry } from '../registry.ts'
import { type Completable, spellings, type Valued } from './completable.ts'

/** For zsh's completion system; the file is named `_extsign` and lies in `$fpath`. */
export function zshScript(commands: readonly Completable[]): string {
  const describe = (words: readonly { readonly name: string; readonly summary: string }[]) =>
    words.map(({ name, summary }) => `'${name}:${quote(summary)}'`).join(' ')
  const groups = registry.flatMap((entry) => ('entries' in entry ? [entry] : []))
  return `#compdef extsign

_extsign() {
  local -a commands
  if ((CURRENT == 2)); then
    commands=(${describe([...registry, { name: 'help', summary: 'show help' }])})
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words; ((CURRENT--))
  case $command in
${groups
  .map(
    (group) => `  ${group.name})
    if ((CURRENT == 2)); then
      commands=(${describe(group.entries)})
      _describe command commands
      return
    fi
    command+=" $words[2]"
    shift words; ((CURRENT--)) ;;
`,
  )
  .join('')}  esac
  case $command in
${commands
  .map(
    ({ path, arguments: table }) =>
      `  '${path}') _arguments -s ${[...table.flatMap(spell), "'--help[show help]'"].join(' \\\n    ')} ;;\n`,
  )
  .join('')}  esac
}
_extsign "$@"
`
}

function spell(argument: Argument): string[] {
  if (argument.kind === 'positional') {
    const place = argument.repeatable ? '*' : argument.required ? '' : ':'
    return [`'${place}:${argument.type.placeholder}:${action(argument)}'`]
  }
  const description = `[${quote(argument.description)}]`
  const value =
    argument.kind === 'flag' ? '' : `:${quote(argument.type.placeholder)}:${action(argument)}`
  const star = argument.kind === 'option' && argument.repeatable ? '*' : ''
  return spellings(argument).map((word) => `'${star}${word}${description}${value}'`)
}

function action({ type }: Valued): string {
  if (type.choices !== undefined) return `(${type.choices.join(' ')})`
  if (type.completes === undefined) return ' '
  return type.completes === 'directory' ? '_files -/' : '_files'
}

/** Inside single quotes and the brackets and colons of `_arguments`. */
function quote(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&').replaceAll("'", "'\\''")
}
