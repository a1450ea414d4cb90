import { describe, expect, test } from 'vitest'
import {
  flag,
  option,
  optionalPositional,
  options,
  positional,
  positionals,
  wordFlag,
} from '../../src/cli/arguments.ts'
import { UsageErrors } from '../../src/cli/errors.ts'
import { parseArguments } from '../../src/cli/parse.ts'
import { choice, directory, file, integer, property, text, uuid } from '../../src/cli/types.ts'

const table = {
  tree: positional({ type: directory, description: '' }),
  place: optionalPositional({ type: text('PLACE'), description: '' }),
  output: option({ long: 'output', short: 'o', type: file, description: '' }),
  privateKey: option({ long: 'private-key', type: file, description: '' }),
  sectorSize: option({ long: 'sector-size', type: choice(['512', '4096']), description: '' }),
  threads: option({ long: 'threads', type: integer('N', { to: 64 }), description: '' }),
  property: options({ long: 'property', short: 'p', type: property, description: '' }),
  seed: option({ long: 'seed', type: uuid, description: '' }),
  force: flag({ long: 'force', short: 'f', description: '' }),
  json: flag({ long: 'json', description: '' }),
}

const parse = (...argv: string[]) => parseArguments('test', table, argv)

async function mistakes(...argv: string[]): Promise<string[]> {
  const error = await parse(...argv).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof UsageErrors)) throw error ?? new Error('no mistake was found')
  return error.errors.map(({ message, hint }) => (hint ? `${message} | ${hint}` : message))
}

const NOTHING = {
  tree: 'tree',
  place: undefined,
  output: undefined,
  privateKey: undefined,
  sectorSize: undefined,
  threads: undefined,
  property: [],
  seed: undefined,
  force: false,
  json: false,
}

describe('reads', () => {
  test.each([
    ['a lone argument', ['tree'], {}],
    ['two arguments', ['tree', 'a'], { place: 'a' }],
    ['a long option', ['tree', '--output', 'x'], { output: 'x' }],
    ['a long option with an equals sign', ['--output=x', 'tree'], { output: 'x' }],
    ['a short option', ['-o', 'x', 'tree'], { output: 'x' }],
    ['a short option with an equals sign', ['-o=x', 'tree'], { output: 'x' }],
    ['flags', ['--json', 'tree', '-f'], { json: true, force: true }],
    ['a flag that does not swallow what follows', ['--json', 'tree'], { json: true }],
    ['a value with equals signs', ['tree', '--output=a=b=c'], { output: 'a=b=c' }],
    [
      'a value with blanks and letters beyond ASCII',
      ['tree', '-o', 'ä 日本 😀'],
      { output: 'ä 日本 😀' },
    ],
    ['a value that begins with a dash, glued', ['tree', '--output=-x'], { output: '-x' }],
    ['a lone dash as a value', ['tree', '--output', '-'], { output: '-' }],
    ['words after two dashes', ['tree', '--', '--json'], { place: '--json' }],
    ['a number', ['tree', '--threads', '0'], { threads: 0 }],
    ['a choice', ['tree', '--sector-size', '4096'], { sectorSize: '4096' }],
    [
      'an upper-case UUID',
      ['tree', '--seed', '3F2A1C58-9F0E-4C7B-8D51-6A2B7C9D0E1F'],
      { seed: '3f2a1c58-9f0e-4c7b-8d51-6a2b7c9d0e1f' },
    ],
    [
      'a repeated option',
      ['tree', '-p', 'A=1', '--property=B='],
      {
        property: [
          ['A', '1'],
          ['B', ''],
        ],
      },
    ],
  ])('%s', async (_, argv, expected) => {
    expect(await parse(...argv)).toEqual({ ...NOTHING, ...expected })
  })

  test('all that is left', async () => {
    const images = { images: positionals({ type: file, description: '' }) }
    expect(await parseArguments('test', images, ['a', 'b'])).toEqual({ images: ['a', 'b'] })
  })
})

describe('refuses', () => {
  test.each([
    ['a missing argument', [], ['DIR is missing']],
    [
      'an option at the end without its value',
      ['tree', '--private-key'],
      ['--private-key needs a value: --private-key FILE'],
    ],
    [
      'an option with nothing after the equals sign',
      ['--private-key=', 'tree'],
      ['--private-key needs a value: --private-key FILE'],
    ],
    [
      'the same at the end',
      ['tree', '--private-key='],
      ['--private-key needs a value: --private-key FILE'],
    ],
    ['a short option without its value', ['tree', '-o'], ['-o needs a value: -o FILE']],
    ['a repeated option without its value', ['tree', '-p'], ['-p needs a value: -p KEY=VALUE']],
    [
      'an option as the value of another',
      ['tree', '--private-key', '--json'],
      [
        "--private-key needs a value, but '--json' follows | write --private-key=--json if that is the value",
      ],
    ],
    [
      'an empty value',
      ['tree', '--output', ''],
      ["the argument after '--output' is empty | is it a variable that is not set?"],
    ],
    [
      'an empty argument',
      ['', 'tree'],
      ['the first argument is empty | is it a variable that is not set?'],
    ],
    ['a flag with nothing after the equals sign', ['tree', '--force='], ['--force takes no value']],
    ['the same in front of others', ['--force=', 'tree'], ['--force takes no value']],
    ['a value for a flag', ['tree', '--force=true'], ['--force takes no value']],
    ['an option given twice', ['tree', '-o', 'a', '--output', 'b'], ['--output is given 2 times']],
    ['a flag given twice', ['tree', '-f', '-f'], ['--force is given 2 times']],
    ['one argument too many', ['tree', 'place', 'more'], ["unexpected argument 'more'"]],
    ['an unknown option', ['tree', '--verbose'], ['unknown option --verbose']],
    [
      'a misspelt option',
      ['tree', '--ouput', 'x'],
      ['unknown option --ouput | did you mean --output?'],
    ],
    [
      'a shortened option',
      ['tree', '--priv=x'],
      ['unknown option --priv | did you mean --private-key?'],
    ],
    ['an unknown letter', ['tree', '-x'], ['unknown option -x']],
    [
      'letters that look like a value',
      ['tree', '-ofile'],
      ['-o needs a value: -o FILE', 'unknown option -i', 'unknown option -l', 'unknown option -e'],
    ],
    [
      'half a number',
      ['tree', '--threads', '8a'],
      ["--threads: '8a' is not a whole number from 0 to 64"],
    ],
    [
      'a hexadecimal number',
      ['tree', '--threads', '0x10'],
      ["--threads: '0x10' is not a whole number from 0 to 64"],
    ],
    [
      'a number out of range',
      ['tree', '--threads', '65'],
      ["--threads: '65' is not a whole number from 0 to 64"],
    ],
    [
      'a word that is no choice',
      ['tree', '--sector-size', '1024'],
      ["--sector-size: '1024' is not one of 512, 4096"],
    ],
    [
      'what is no UUID',
      ['tree', '--seed', 'x'],
      ["--seed: 'x' is not a UUID | a UUID looks like 3f2a1c58-9f0e-4c7b-8d51-6a2b7c9d0e1f"],
    ],
    [
      'a property without a value',
      ['tree', '-p', 'A'],
      [
        "--property: 'A' is not of the form KEY=VALUE | keys are capital letters, digits and underscores: SYSEXT_PRETTY_NAME=Hello",
      ],
    ],
    [
      'several mistakes at once',
      ['--threads=x', '--nope'],
      ['unknown option --nope', "--threads: 'x' is not a whole number from 0 to 64"],
    ],
  ])('%s', async (_, argv, expected) => {
    expect(await mistakes(...argv)).toEqual(expected)
  })
})

describe('an option for which nothing says something', () => {
  const emptiable = {
    place: optionalPositional({ type: text('PLACE'), description: '' }),
    name: options({ long: 'name', type: text('NAME'), acceptsEmpty: true, description: '' }),
  }
  const names = async (...argv: string[]) => (await parseArguments('test', emptiable, argv)).name

  test.each([
    [['--name='], ['']],
    [['--name=', 'x'], ['']],
    [['x', '--name='], ['']],
    [
      ['--name=', '--name=a', '--name='],
      ['', 'a', ''],
    ],
  ])('%j is %j', async (argv, expected) => expect(await names(...argv)).toEqual(expected))

  test('still needs its =', async () => {
    await expect(names('--name')).rejects.toBeInstanceOf(UsageErrors)
    await expect(names('--name=', '--name')).rejects.toBeInstanceOf(UsageErrors)
  })
})

describe('a flag that may say how', () => {
  const table = {
    place: optionalPositional({ type: text('PLACE'), description: '' }),
    json: wordFlag({ long: 'json', short: 'j', words: ['short', 'off'], description: '' }),
  }
  const json = async (...argv: string[]) => (await parseArguments('test', table, argv)).json

  test.each([
    [[], undefined],
    [['--json'], ''],
    [['-j'], ''],
    [['--json=short'], 'short'],
    [['--json', 'short'], ''],
  ])('%j is %j', async (argv, expected) => expect(await json(...argv)).toBe(expected))

  test('knows its words', async () => {
    await expect(json('--json=long')).rejects.toMatchObject({
      errors: [{ message: "--json: 'long' is not one of short, off" }],
    })
  })
})
