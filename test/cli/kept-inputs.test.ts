import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Argument } from '../../src/cli/arguments.ts'
import { type CommandEntry, registry } from '../../src/cli/registry.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign } from './fake-context.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)

/** Other names of the file `input`. */
const NAMES = ['input', 'hard', 'symbolic', 'twice', 'folder/../input', 'same/input', 'same/twice']

beforeAll(() => {
  writeFileSync(at('input'), 'as it was')
  linkSync(at('input'), at('hard'))
  symlinkSync('input', at('symbolic'))
  symlinkSync(at('symbolic'), at('twice'))
  mkdirSync(at('folder'))
  symlinkSync('.', at('same'))
})

const entries: CommandEntry[] = registry.flatMap((entry) =>
  'entries' in entry ? [...entry.entries] : [entry],
)
const commands = await Promise.all(entries.map(({ load }) => load()))

/** Written by commands that have no argument for it. */
const IMAGES = ['sysext', 'confext', 'wrap']
/** They replace files whose names they find in their inputs, and check that themselves. */
const BY_THEMSELVES = ['cred batch', 'trust install']

const namesFile = (argument: Argument) =>
  argument.kind !== 'flag' && argument.type.completes === 'file'

const written = commands.flatMap((command) =>
  Object.values(command.arguments).flatMap((argument) =>
    argument.kind !== 'flag' && (argument.replaces || isImage(command.name, argument))
      ? [{ command, output: argument }]
      : [],
  ),
)

function isImage(command: string, argument: Argument): boolean {
  return IMAGES.includes(command) && argument.kind === 'option' && argument.long === 'output'
}

test('every command that can be forced says what it writes', () => {
  const forced = commands.filter(({ arguments: table }) => 'force' in table)
  const known = new Set([...written.map(({ command }) => command.name), ...BY_THEMSELVES])
  expect(forced.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([])
})

/** `argument` of a command line, with the value `path`. */
function spell(argument: Argument, path: string): string {
  return argument.kind === 'positional' ? path : `--${argument.long}=${path}`
}

describe.each(
  written.flatMap(({ command, output }) =>
    Object.entries(command.arguments)
      .filter(
        ([key, each]) => each !== output && namesFile(each) && !output.replaces?.includes(key),
      )
      .filter(([, each]) => !('replaces' in each) || each.replaces === undefined)
      .map(([key]) => ({ name: command.name, key, command, output })),
  ),
)('$name does not replace its $key', ({ command, key, output }) => {
  const argv = (input: string, target: string) => [
    ...command.name.split(' '),
    '--force',
    ...Object.entries(command.arguments).flatMap(([each, argument]) => {
      if (each === key) return [spell(argument, input)]
      if (argument === output) return [spell(argument, target)]
      if (argument.kind !== 'positional' || !argument.required) return []
      return [argument.type.choices?.[0] ?? at('missing')]
    }),
  ]

  test.each(NAMES)('under the name %s', async (name) => {
    for (const [input, target] of [
      ['input', name],
      [name, 'input'],
    ] as const) {
      const { code, stderr } = await extsign(argv(at(input), at(target)))
      expect(stderr).toMatch(/error: .* would replace .*, which is read for it$/m)
      expect(code).toBe(2)
    }
    expect(readFileSync(at(name), 'utf8')).toBe('as it was')
  })
})

describe('beside the arguments', () => {
  const key = `--private-key=${at('key')}`
  const signer = [key, `--certificate=${at('crt')}`]
  const forced = (argv: readonly string[]) =>
    extsign([...argv, '--force'], { environment: { SYSTEMD_CREDENTIAL_SECRET: at('key') } })

  beforeAll(() => {
    for (const name of ['key', 'crt', 'in.erofs', 'request']) writeFileSync(at(name), name)
    for (const name of ['a.roothash', 'b.sysext.roothash.p7s', 'in.raw']) {
      symlinkSync(at('key'), at(name))
    }
  })

  test.each([
    ['a root hash', ['wrap', at('in.erofs'), ...signer, '--sidecars', `--output=${at('a')}`]],
    ['a message', ['sysext', '.', ...signer, '--sidecars', `--output=${at('b.sysext.raw')}`]],
    ['the image in a folder', ['wrap', at('in.erofs'), ...signer, `--output=${folder}`]],
    ['the image', ['wrap', at('in.erofs'), ...signer, `--output=${at('key')}`]],
  ])('%s replaces no key', async (_, argv) => {
    const { code, stderr } = await forced(argv)
    expect(stderr).toMatch(/ would replace .*key, which is read for it$/m)
    expect(code).toBe(2)
  })

  test.each([
    ['the PIN', 'pkcs11', `pkcs11:token=a?pin-source=file:${at('key')}`],
    ['the module', 'pkcs11', `pkcs11:token=a?module-path=${at('key')}`],
    ['the program', 'command', JSON.stringify([at('key'), 'sign'])],
    ['the words of the program', 'command', at('key')],
  ])('%s of a signer is kept', async (_, source, text) => {
    const options = [`--private-key-source=${source}`, `--private-key=${text}`]
    const { code, stderr } = await forced([
      'sign',
      at('request'),
      `--output=${at('key')}`,
      ...options,
    ])
    expect(stderr).toContain(`${at('key')} would replace `)
    expect(code).toBe(2)
  })

  test('the host secret that a variable names is kept', async () => {
    const { code, stderr } = await forced(['cred', 'decrypt', at('request'), at('key')])
    expect(stderr).toContain(`${at('key')} would replace `)
    expect(code).toBe(2)
  })

  test('two outputs are two files', async () => {
    const outputs = [`--output=${at('new.efi')}`, `--signatures=${at('same/new.efi')}`]
    const { code, stderr } = await forced(['pcr', 'sign', `--uki=${at('input')}`, key, ...outputs])
    expect(stderr).toMatch(/new\.efi are the same file, and both are written$/m)
    expect(code).toBe(2)
  })
})
