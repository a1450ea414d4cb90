/** `extsign completion SHELL`: a script that teaches a shell our commands and options. */

import { positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { completionScript, shells } from '../completion.ts'
import { choice } from '../types.ts'

export const completion = defineCommand({
  name: 'completion',
  description:
    'Prints a script that completes commands, options and their values. It is made from the same table as the help.',
  arguments: {
    shell: positional({
      type: choice(shells, 'SHELL'),
      description: 'bash, zsh or fish',
    }),
  },
  examples: [
    'extsign completion bash > ~/.local/share/bash-completion/completions/extsign',
    'extsign completion zsh > ~/.zfunc/_extsign',
    'extsign completion fish > ~/.config/fish/completions/extsign.fish',
  ],
  async run({ shell }, { stdout }) {
    stdout.write(await completionScript(shell))
    return 0
  },
})
