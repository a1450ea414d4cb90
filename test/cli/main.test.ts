import { describe, expect, test } from 'vitest'
import { allCommands } from '../../src/cli/registry.ts'
import { version } from '../../src/cli/version.ts'
import { extsign } from './fake-context.ts'

describe('help', () => {
  test.each([[['--help']], [['-h']], [['help']]])('%j lists the commands', async (argv) => {
    const { code, stdout, stderr } = await extsign(argv)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Usage: extsign COMMAND/m)
    expect(stdout).toMatch(/^ {2}sysext +build a signed system extension/m)
  })

  test.each(allCommands().map(({ path }) => [path]))(
    'of %s is asked for in three ways',
    async (path) => {
      const words = path.split(' ')
      const asked = await Promise.all([
        extsign([...words, '--help']),
        extsign([...words, 'x', '-h', '--nonsense']),
        extsign(['help', ...words]),
      ])
      for (const outcome of asked) {
        expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code: 0, stderr: '' })
        expect(outcome.stdout).toBe(asked[0]!.stdout)
      }
      expect(asked[0]!.stdout).toContain(`Usage: extsign ${path} [OPTIONS]`)
    },
  )

  test('fits into 80 columns, examples aside', async () => {
    for (const { path } of allCommands()) {
      const { stdout } = await extsign(['help', ...path.split(' ')])
      const [text = ''] = stdout.split('\nExamples:\n')
      expect(text.split('\n').filter((line) => line.length > 80)).toEqual([])
    }
  })

  test('of a group lists its commands', async () => {
    for (const argv of [
      ['keys', '--help'],
      ['help', 'keys'],
    ]) {
      const { code, stdout } = await extsign(argv)
      expect(code).toBe(0)
      expect(stdout).toMatch(/^ {2}new +make a private key/m)
    }
  })

  test('after two dashes is an argument like any other', async () => {
    const { code, stderr } = await extsign(['completion', '--', '--help'])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "extsign: error: SHELL: '--help' is not one of bash, zsh, fish\n",
    })
  })
})

test.each([[['--version']], [['-V']]])('%j prints the version', async (argv) => {
  expect(await extsign(argv)).toEqual({ code: 0, stdout: `extsign ${version}\n`, stderr: '' })
})

describe('misuse ends with 2 and prints nothing on standard output:', () => {
  test.each([
    ['no command', [], /^Build and sign/],
    ['a group without its command', ['keys'], /^Make and examine signing keys\./],
    [
      'an unknown command',
      ['build'],
      /^extsign: error: unknown command 'build'\nextsign: hint: 'extsign help' lists the commands\n$/,
    ],
    [
      'a misspelt command',
      ['sysetx'],
      /^extsign: error: unknown command 'sysetx'\nextsign: hint: did you mean 'sysext'\?\n$/,
    ],
    [
      'a misspelt command of a group',
      ['keys', 'nwe'],
      /unknown command of 'extsign keys' 'nwe'\n.*did you mean 'new'/,
    ],
    [
      'an unknown command to help',
      ['help', 'confexts'],
      /unknown command 'confexts'\n.*did you mean 'confext'/,
    ],
    ['an unknown option', ['--verbose'], /^extsign: error: unknown option '--verbose'\n/],
    ['a missing argument', ['sysext', '--unsigned'], /^extsign: error: TREE is missing\n$/],
  ])('%s', async (_, argv, expected) => {
    const { code, stdout, stderr } = await extsign(argv)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(expected)
  })
})
