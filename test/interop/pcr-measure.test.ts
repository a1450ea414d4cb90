/** The same arguments give the same bytes as with systemd-measure of both generations. */

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { extsign } from '../cli/fake-context.ts'
import { makeKey } from '../support/keys.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { run } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const MEASURE = '/usr/lib/systemd/systemd-measure'

/** Every section option both have, in another order than they are measured in. */
const SECTIONS = [
  'sbat',
  'uname',
  'dtb',
  'splash',
  'ucode',
  'initrd',
  'cmdline',
  'osrel',
  'pcrpkey',
]

interface Case {
  readonly args: readonly string[]
  /** First generation that has what is asked for. */
  readonly since?: number
}

const words = (text: string): readonly string[] => text.split(' ')
const all = SECTIONS.map((name) => `--${name}=${name}`)

const phases = ['--phase=:', '--phase=b:a', '--phase=::a::', '--phase=a', '--phase=é', '--phase=']
const banks = ['--bank=sha512', '--bank=SHA1', '--bank=sha512']

const CALCULATE: readonly Case[] = [
  { args: ['--linux=linux'] },
  { args: ['--linux=linux', ...all] },
  { args: ['--linux=empty', '--initrd=initrd'] },
  { args: ['--linux=linux', '--initrd=empty', '--cmdline='] },
  { args: ['--linux=/dev/null', '--osrel=osrel'] },
  { args: ['--linux=linux', '--profile=osrel', ...phases] },
  { args: ['--linux=linux', ...banks] },
  { args: ['--linux=linux', ...banks, ...phases] },
  { args: ['--linux=linux', '--phase=enter-initrd:leave-initrd:sysinit:ready:shutdown:final'] },
  { args: ['--linux=large', '--initrd=large'] },
  { args: ['--linux=linux', '--dtbauto=dtb'], since: 262 },
  { args: ['--linux=linux', '--hwids=dtb'], since: 262 },
  { args: ['--linux=linux', '--efifw=dtb', '--hwids=uname', '--dtbauto=dtb'], since: 262 },
]

const APPEND = ['--append=foreign.json', '--append=own.json', '--append=empty.json']

const SIGN: readonly Case[] = [
  { args: [] },
  { args: ['--phase=a', '--bank=sha1', '--public-key=rsa.pub'] },
  { args: ['--phase=a', '--bank=sha384', '--certificate=rsa.crt'] },
  { args: ['--phase=a', '--private-key-source=file', '--certificate=rsa.crt'] },
  ...APPEND.map((append) => ({ args: ['--phase=b', '--phase=a', append] })),
  { args: [...phases, ...banks] },
  { args: ['--phase=a', '--policyref=initrd'], since: 262 },
  { args: ['--phase=a', '--policyref=', '--append=own.json'], since: 262 },
]

const DIGEST: readonly Case[] = [
  { args: [] },
  { args: ['--public-key=rsa.pub', '--phase=a'] },
  { args: ['--certificate=rsa.crt', ...banks] },
  { args: ['--policyref=é "x"', ...phases] },
  ...APPEND.map((append) => ({ args: ['--phase=a', append, '--public-key=rsa.pub'] })),
]

const FORMS = [[], ['--json=pretty'], ['--json=short'], ['--json=off'], ['-j']] as const

/** All command lines, each in every form of output. */
const CASES: readonly Case[] = [
  ...CALCULATE.map(({ args, ...rest }) => ({ args: ['calculate', ...args], ...rest })),
  ...SIGN.map(({ args, ...rest }) => ({
    args: [...words('sign --linux=linux --initrd=initrd --private-key=rsa.key'), ...args],
    ...rest,
  })),
  ...DIGEST.map(({ args }) => ({
    args: [...words('policy-digest --linux=linux --initrd=initrd'), ...args],
    since: 262,
  })),
].flatMap(({ args, ...rest }) => FORMS.map((form) => ({ args: [...args, ...form], ...rest })))

/** Runs each of the argument lists found in files, one word a line. */
const RUN_ALL = `
cd "$1"
for list in cases/*.args; do
  set --
  while IFS= read -r word; do set -- "$@" "$word"; done < "$list"
  ${MEASURE} "$@" > "\${list%.args}.out" 2> "\${list%.args}.err" || echo "failed: $*" >> failures
done
`

describe.each(GENERATIONS)('%s', (name, tree) => {
  const generation = Number(name.split(' ')[1])
  const cases = CASES.filter(({ since = 0 }) => since <= generation)
  const ready = available('root', `tree:${tree}`, 'openssl')
  const folder = temporaryFolder()

  beforeAll(() => {
    if (!ready) return
    prepare(folder)
    for (const [index, { args }] of cases.entries()) {
      writeFileSync(join(folder, `cases/${index}.args`), args.map((word) => `${word}\n`).join(''))
    }
    outputInTree(tree, folder, 'sh', ['-c', RUN_ALL, 'sh', folder])
  })

  test.runIf(ready)('takes every command line', () => {
    const failures = join(folder, 'failures')
    expect(existsSync(failures) ? readFileSync(failures, 'utf8') : '').toBe('')
    expect(cases.length).toBeGreaterThan(80)
  })

  test.runIf(ready).each(cases.map(({ args }, index) => [args.join(' '), index] as const))(
    '%s',
    async (_, index) => {
      const theirs = (part: string) => readFileSync(join(folder, `cases/${index}.${part}`), 'utf8')
      const ours = await inFolder(folder, () => extsign(['pcr', ...cases[index]!.args]))
      expect(ours.code).toBe(0)
      expect(forgetOldSignatures(ours.stdout, generation)).toBe(
        forgetOldSignatures(theirs('out'), generation),
      )
      expect(ours.stderr).toBe(theirs('err'))
    },
  )
})

test.runIf(available('root', 'tree:trixie', 'openssl'))(
  'systemd-measure 257 takes --dtbauto for .hwids and --hwids for .dtbauto',
  async () => {
    const folder = temporaryFolder257
    prepare(folder)
    const theirs = (option: string) =>
      outputInTree('trixie', folder, 'sh', [
        '-c',
        `cd ${folder} && ${MEASURE} calculate --linux=linux --${option}=dtb --bank=sha256`,
      ])
    const ours = async (option: string) =>
      (
        await inFolder(folder, () =>
          extsign(['pcr', 'calculate', '--linux=linux', `--${option}=dtb`, '--bank=sha256']),
        )
      ).stdout
    expect(theirs('dtbauto')).toBe(await ours('hwids'))
    expect(theirs('hwids')).toBe(await ours('dtbauto'))
  },
)

const temporaryFolder257 = temporaryFolder()

/** In the folder, so that both command lines are the same. */
async function inFolder<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  const before = process.cwd()
  process.chdir(folder)
  try {
    return await work()
  } finally {
    process.chdir(before)
  }
}

/** Before 260 every bank was signed with its own hash, which nobody ever accepts. */
function forgetOldSignatures(text: string, generation: number): string {
  if (generation >= 260 || !text.startsWith('{')) return text
  const parts = text.split(/(?="sha\d+" ?: ?\[)/)
  return parts
    .map((part) =>
      part.startsWith('"sha256"') ? part : part.replace(/("sig" ?: ?)"[^"]*"/g, '$1"…"'),
    )
    .join('')
}

function prepare(folder: string): void {
  mkdirSync(join(folder, 'cases'))
  const write = (name: string, content: string | Uint8Array) =>
    writeFileSync(join(folder, name), content)
  write('linux', 'HALLO\n')
  write('initrd', 'foobar\n')
  write('empty', '')
  write('large', Buffer.alloc(3_000_001, 'extsign'))
  for (const name of SECTIONS) if (name !== 'initrd') write(name, `${name}\n`)
  const { privateKey, certificate } = makeKey(folder)
  write('rsa.key', readFileSync(privateKey))
  chmodSync(join(folder, 'rsa.key'), 0o600)
  write('rsa.crt', readFileSync(certificate))
  run(tool('openssl'), ['rsa', '-in', privateKey, '-pubout', '-out', join(folder, 'rsa.pub')])
  write('empty.json', '{}')
  write('own.json', '{"sha256":[{"pcrs":[11],"pol":"00"}],"sha1":[]}')
  write('foreign.json', '{"foo":-1,"sm3":{"a":[true,null,"é\\u0001\\"/"]},"sha512":[{"x":{}},[]]}')
}
