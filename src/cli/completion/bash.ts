/** Completion for bash: one function with a case per command. */

import { registry } from '../registry.ts'
import { type Completable, spellings, type Valued } from './completable.ts'

/** For bash 4.0 or later, with or without the bash-completion package. */
export function bashScript(commands: readonly Completable[]): string {
  const cases = commands.map(({ path, arguments: table }) => {
    const values = table.flatMap((argument) => {
      if (argument.kind !== 'option') return []
      return [`      ${spellings(argument).join('|')}) ${action(argument)} return ;;\n`]
    })
    const words = [...table.flatMap(spellings), '--help'].join(' ')
    const place = table.find((argument) => argument.kind === 'positional')
    return [
      `  '${path}')\n`,
      values.length > 0 ? `    case $previous in\n${values.join('')}    esac\n` : '',
      `    if [[ $current == -* ]]; then COMPREPLY=($(compgen -W '${words}' -- "$current")); return; fi\n`,
      place === undefined ? '' : `    ${action(place)}\n`,
      '    ;;\n',
    ].join('')
  })
  const groups = registry.flatMap((entry) => ('entries' in entry ? [entry] : []))
  return `# bash completion for extsign

_extsign() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${names(registry)} help --help --version' -- "$current"))
    return
  fi
  case $command in
${groups
  .map(
    ({ name, entries }) => `  ${name})
    if ((COMP_CWORD == 2)); then COMPREPLY=($(compgen -W '${names(entries)} --help' -- "$current")); return; fi
    command+=" \${COMP_WORDS[2]}" ;;
`,
  )
  .join('')}  help)
    COMPREPLY=($(compgen -W '${names(registry)}' -- "$current"))
    return ;;
  esac
  case $command in
${cases.join('')}  esac
}
complete -o filenames -F _extsign extsign
`
}

function action({ type }: Valued): string {
  if (type.choices !== undefined) {
    return `COMPREPLY=($(compgen -W '${type.choices.join(' ')}' -- "$current"));`
  }
  if (type.completes === undefined) return 'COMPREPLY=();'
  // One candidate a line, so that names with blanks stay whole.
  const what = type.completes === 'directory' ? '-d' : '-f'
  return `mapfile -t COMPREPLY < <(compgen ${what} -- "$current");`
}

function names(entries: readonly { readonly name: string }[]): string {
  return entries.map(({ name }) => name).join(' ')
}
