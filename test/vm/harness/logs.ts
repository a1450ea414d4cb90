/** What a boot leaves behind, kept until the next boot of the same name whether it worked or not. */

import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { cacheFolder } from '../../../scripts/provision/cache.mjs'

export interface Logs {
  /** What firmware, kernel and runner wrote to the serial console. */
  readonly console: string
  /** The guest's journal, with the messages of its kernel. */
  readonly journal: string
  /** What qemu and swtpm said. */
  readonly machine: string
  /** What came of each step, by its number. */
  readonly results: string
}

/** Makes an empty folder for the logs of a boot. */
export function openLogs(name: string): Logs {
  const folder = join(cacheFolder(), 'vm-logs', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'results'), { recursive: true })
  return {
    console: join(folder, 'console.log'),
    journal: join(folder, 'journal.log'),
    machine: join(folder, 'machine.log'),
    results: join(folder, 'results'),
  }
}

/** The paths of the logs, to be part of a message. */
export function whereToLook({ console, journal, machine, results }: Logs): string {
  const paths = { console, journal, 'qemu and swtpm': machine, results }
  return Object.entries(paths)
    .map(([what, path]) => `${what}: ${path}`)
    .join('\n')
}

/** An error that says what happened, where to look, and what the console said last. */
export function guestError(reason: string, logs: Logs): Error {
  const text = stripVTControlCharacters(readIfThere(logs.console))
  const last = text.trimEnd().split(/\r?\n/).slice(-30).join('\n')
  return new Error(`${reason}\n${whereToLook(logs)}\nlast lines of the console:\n${last}`)
}

/** The text of a log, empty while there is none. */
export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
