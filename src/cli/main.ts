/** argv in, exit code out: finds the command, runs it, and prints whatever it throws. */

import type { Context } from './context.ts'
import { ExitCode, reportError, UsageError } from './errors.ts'
import { formatCommandHelp, formatGroupHelp, formatRootHelp } from './help.ts'
import { type CommandEntry, type Entry, registry } from './registry.ts'
import { suggest } from './suggest.ts'
import { version } from './version.ts'

/** Runs one command line; `argv` is what follows the program's name. Never throws. */
export async function main(argv: readonly string[], context: Context): Promise<number> {
  try {
    return await dispatch(argv, context)
  } catch (error) {
    return reportError(error, context.stderr)
  }
}

async function dispatch(argv: readonly string[], context: Context): Promise<number> {
  const [word, ...rest] = argv
  if (word === undefined) {
    context.stderr.write(formatRootHelp(registry))
    return ExitCode.misused
  }
  if (isHelp(word)) return showHelp([], context)
  if (word === 'help') return showHelp(rest, context)
  if (word === '--version' || word === '-V') {
    context.stdout.write(`extsign ${version}\n`)
    return ExitCode.done
  }
  const entry = find(registry, word, 'command')
  if (!('entries' in entry)) return runOrHelp(entry, rest, context)
  const [inner, ...innerRest] = rest
  if (inner === undefined) {
    context.stderr.write(formatGroupHelp(entry))
    return ExitCode.misused
  }
  if (isHelp(inner)) return showHelp([word], context)
  return runOrHelp(find(entry.entries, inner, `command of 'extsign ${word}'`), innerRest, context)
}

async function runOrHelp(
  entry: CommandEntry,
  argv: readonly string[],
  context: Context,
): Promise<number> {
  const command = await entry.load()
  const end = argv.indexOf('--')
  if (argv.slice(0, end < 0 ? argv.length : end).some(isHelp)) {
    context.stdout.write(formatCommandHelp(command))
    return ExitCode.done
  }
  return command.execute(argv, context)
}

/** Help for the command that `words` name; for all commands when there are none. */
async function showHelp(words: readonly string[], context: Context): Promise<number> {
  let entries: readonly Entry[] = registry
  let text = formatRootHelp(registry)
  for (const word of words) {
    const entry = find(entries, word, 'command')
    entries = 'entries' in entry ? entry.entries : []
    text = 'entries' in entry ? formatGroupHelp(entry) : formatCommandHelp(await entry.load())
  }
  context.stdout.write(text)
  return ExitCode.done
}

function find<E extends Entry>(entries: readonly E[], word: string, what: string): E {
  const entry = entries.find(({ name }) => name === word)
  if (entry !== undefined) return entry
  const meant = suggest(
    word,
    entries.map(({ name }) => name),
  )
  throw new UsageError(`unknown ${word.startsWith('-') ? 'option' : what} '${word}'`, {
    hint: meant === undefined ? "'extsign help' lists the commands" : `did you mean '${meant}'?`,
  })
}

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h'
}
