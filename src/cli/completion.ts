/** Completion scripts, written from the table of commands; nothing of extsign runs while typing. */

import { bashScript } from './completion/bash.ts'
import type { Completable } from './completion/completable.ts'
import { fishScript } from './completion/fish.ts'
import { zshScript } from './completion/zsh.ts'
import { allCommands } from './registry.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

export async function completionScript(shell: Shell): Promise<string> {
  const commands: Completable[] = []
  for (const { path, entry } of allCommands()) {
    const { arguments: table } = await entry.load()
    commands.push({ path, summary: entry.summary, arguments: Object.values(table) })
  }
  if (shell === 'bash') return bashScript(commands)
  return shell === 'zsh' ? zshScript(commands) : fishScript(commands)
}
