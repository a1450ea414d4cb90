import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { extsign } from '../support/extsign.ts'
import { output } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

describe.runIf(available('bash'))('bash completes', () => {
  const folder = temporaryFolder()
  const script = join(folder, 'extsign.bash')
  writeFileSync(join(folder, 'a tree'), '')

  /** What bash offers for the last of the words. */
  function complete(...words: string[]): string[] {
    writeFileSync(script, extsign(['completion', 'bash']))
    const program = `. ${script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _extsign; printf '%s\\n' "\${COMPREPLY[@]}"`
    const args = ['--norc', '-c', program, 'bash', 'extsign', ...words]
    return output(tool('bash'), args, { cwd: folder }).trimEnd().split('\n')
  }

  test.each([
    ['commands', ['con'], ['confext']],
    ['commands of a group', ['keys', ''], ['new', 'inspect', '--help']],
    ['options', ['sysext', '--priv'], ['--private-key', '--private-key-source']],
    ['options of a command of a group', ['keys', 'new', '--al'], ['--algorithm']],
    ['choices', ['keys', 'new', '--algorithm', 'p'], ['p256', 'p384']],
    ['choices of an argument', ['completion', ''], ['bash', 'zsh', 'fish']],
    ['files with blanks in their names', ['verify', 'a'], ['a tree']],
    ['nothing where only a text fits', ['sysext', '--name', 'a'], ['']],
  ])('%s', (_, words, expected) => {
    expect(complete(...words)).toEqual(expected)
  })
})
