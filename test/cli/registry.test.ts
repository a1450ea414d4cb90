import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Argument } from '../../src/cli/arguments.ts'
import type { Command } from '../../src/cli/command.ts'
import { completionScript, shells } from '../../src/cli/completion.ts'
import { allCommands } from '../../src/cli/registry.ts'
import { extsign } from './fake-context.ts'

const commands: { readonly path: string; readonly summary: string; readonly command: Command }[] =
  []
beforeAll(async () => {
  for (const { path, entry } of allCommands()) {
    commands.push({ path, summary: entry.summary, command: await entry.load() })
  }
})

const named = (command: Command) =>
  Object.values(command.arguments).filter((argument) => argument.kind !== 'positional')

/** What a name means wherever it stands. */
const meaning = (argument: Argument) => (argument.kind === 'flag' ? 'flag' : 'value')

test('a command is called what the registry calls it', () => {
  expect(commands.map(({ command }) => command.name)).toEqual(commands.map(({ path }) => path))
})

test('summaries are lower case and have no full stop', () => {
  for (const { summary } of commands) expect(summary).toMatch(/^[a-z].*[^.]$/)
})

test('one name takes a value in every command or in none', () => {
  const meanings = new Map<string, Set<string>>()
  for (const { command } of commands) {
    for (const argument of named(command)) {
      for (const name of [argument.long, argument.short ?? argument.long]) {
        meanings.set(name, (meanings.get(name) ?? new Set()).add(meaning(argument)))
      }
    }
  }
  expect([...meanings].filter(([, kinds]) => kinds.size > 1)).toEqual([])
})

test('one letter stands for one option everywhere, and never for help', () => {
  const letters = new Map<string, Set<string>>()
  for (const { command } of commands) {
    for (const { short, long } of named(command)) {
      if (short !== undefined) letters.set(short, (letters.get(short) ?? new Set()).add(long))
    }
  }
  expect([...letters].filter(([, names]) => names.size > 1)).toEqual([])
  expect(letters.has('h')).toBe(false)
})

test('no name is used twice in a command, and none is --help', () => {
  for (const { command } of commands) {
    const names = named(command).flatMap(({ long, short }) => (short ? [long, short] : [long]))
    expect(new Set(names).size).toBe(names.length)
    expect(names).not.toContain('help')
  }
})

test('a value that is left out is refused for every option of every command', async () => {
  for (const { path, command } of commands) {
    for (const argument of named(command)) {
      if (argument.kind === 'flag') continue
      const { code, stderr } = await extsign([...path.split(' '), `--${argument.long}`])
      expect(code).toBe(2)
      expect(stderr).toContain(`extsign: error: --${argument.long} needs a value`)
    }
  }
})

test('no help text shows the value of a variable', async () => {
  for (const { path } of commands) {
    const environment = { SYSEXT_LEVEL: 'secret-level', CONFEXT_LEVEL: 'secret-level' }
    const { stdout } = await extsign(['help', ...path.split(' ')], { environment })
    expect(stdout).not.toContain('secret-level')
  }
})

describe.each(shells)('the completion script for %s', (shell) => {
  test('names every command, option and choice', async () => {
    const script = await completionScript(shell)
    for (const { path, command } of commands) {
      expect(script).toContain(path.split(' ').at(-1))
      for (const argument of Object.values(command.arguments)) {
        if (argument.kind !== 'positional') expect(script).toContain(argument.long)
        if (argument.kind === 'flag') continue
        for (const word of argument.type.choices ?? []) expect(script).toContain(word)
      }
    }
  })
})

describe('the manual', () => {
  const page = (path: string) =>
    readFileSync(
      new URL(`../../docs/man/extsign-${path.replace(' ', '-')}.1.md`, import.meta.url),
      'utf8',
    )

  test.each(allCommands().map(({ path }) => [path]))(
    'page of %s names its options and no others',
    (path) => {
      const { command } = commands.find((each) => each.path === path)!
      const options = /^## Options\n(.*?)(?=^## )/ms.exec(page(path))?.[1] ?? ''
      const described = [...options.matchAll(/^\*\*(?:-(\w), )?--([\w-]+)\*\*/gm)].map(
        ([, short, long]) => ({ short, long }),
      )
      const expected = named(command).map(({ short, long }) => ({ short, long }))
      expect(described).toEqual([...expected, { short: 'h', long: 'help' }])
    },
  )

  test.each(allCommands().map(({ path }) => [path]))('page of %s has every section', (path) => {
    const headings = [...page(path).matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)
    expect(
      headings.filter(
        (heading) => heading !== 'JSON' && heading !== 'Environment' && heading !== 'Files',
      ),
    ).toEqual(['Name', 'Synopsis', 'Description', 'Options', 'Examples', 'Exit status', 'See also'])
  })

  test('page of extsign names every command with its summary', () => {
    const text = readFileSync(new URL('../../docs/man/extsign.1.md', import.meta.url), 'utf8')
    for (const { path, summary } of commands) {
      expect(text).toContain(`[extsign ${path}](extsign-${path.replace(' ', '-')}.1.md)`)
      expect(text).toContain(summary)
    }
  })
})
