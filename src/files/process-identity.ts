/**
 * Which process something belongs to, and whether that one still runs.
 *
 * A process id alone says little: containers start again with the same ids, and the same id on
 * another host of a shared folder is another process. So an identity also has when the process
 * started, which boot of which kernel that was, and in which process table the id is looked up.
 */

import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { errnoOf } from './errno.ts'

/** `gone`: it has ended for certain. `unknown`: it cannot be seen from here. */
export type ProcessState = 'alive' | 'gone' | 'unknown'

/** What {@link ownIdentity} writes, for use in other patterns; at most 51 characters. */
export const IDENTITY_PATTERN = '[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[1-9][0-9]{0,9}-[0-9]{1,12}'

const IDENTITY = new RegExp(`^${IDENTITY_PATTERN}$`)
/** The part of an identity that could not be found out. */
const NONE = '00000000'
/** PROC_PID_INIT_INO of the kernel (include/linux/proc_ns.h): the process table of the machine itself. */
const INITIAL_TABLE = 'pid:[4026531836]'

let own: string | undefined

/**
 * This process: `TABLE-BOOT-HOST-PID-START`, each of the first three eight hexadecimal digits, the
 * start in clock ticks since the machine booted (proc_pid_stat(5), field 22), or 0.
 */
export function ownIdentity(): string {
  own ??= [...ownSystem(), process.pid, readProcess(process.pid)?.start ?? 0].join('-')
  return own
}

/** The process id in an identity, or undefined where the text is none. */
export function processIdOf(identity: string): number | undefined {
  return IDENTITY.test(identity) ? Number(identity.split('-')[3]) : undefined
}

/** Whether the process of an identity still runs; `unknown` for a text that is none. */
export function stateOfProcess(identity: string): ProcessState {
  const [table, boot, host, pid, start] = identity.split('-')
  if (!IDENTITY.test(identity)) return 'unknown'
  const [ownTable, ownBoot, ownHost] = ownIdentity().split('-')
  if (boot !== ownBoot) {
    // Only a process outside of containers names its host; that has been started again since.
    const isSameHost = host !== NONE && host === ownHost
    return isSameHost && boot !== NONE && ownBoot !== NONE ? 'gone' : 'unknown'
  }
  if (table !== ownTable) return 'unknown'
  return isAlive(Number(pid), Number(start)) ? 'alive' : 'gone'
}

function isAlive(pid: number, start: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives and belongs to another user.
    if (errnoOf(error) === 'ESRCH') return false
  }
  const found = readProcess(pid)
  if (!found || found.hasEnded) return !found
  return start === 0 || found.start === 0 || start === found.start
}

/** What /proc says of a process; undefined where it says nothing, as for other users' with hidepid. */
function readProcess(pid: number): { start: number; hasEnded: boolean } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the program may hold blanks and brackets; fields are counted from behind it, from 3.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [state] = fields
    const threads = Number(fields[20 - 3])
    const start = Number(fields[22 - 3])
    // One that waits to be reaped has closed its files, once its last other thread has ended.
    const hasEnded = (state === 'Z' || state === 'X') && threads <= 1
    return { start: Number.isSafeInteger(start) ? start : 0, hasEnded }
  } catch {
    return undefined
  }
}

/** Table, boot and host of this process. */
function ownSystem(): readonly [string, string, string] {
  const table = attempt(() => readlinkSync('/proc/self/ns/pid'))
  // Start times are counted in the time namespace.
  const clock = attempt(() => readlinkSync('/proc/self/ns/time'))
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim())
  const machine = attempt(() => readFileSync('/etc/machine-id', 'latin1').trim())
  const isHost = table === INITIAL_TABLE && /^[0-9a-f]{32}$/.test(machine)
  return [
    digest(hostname(), table, clock),
    boot === '' ? NONE : digest(boot),
    isHost ? digest(machine, hostname()) : NONE,
  ]
}

function attempt(read: () => string): string {
  try {
    return read()
  } catch {
    // Only Linux has these files, and /proc may not be mounted.
    return ''
  }
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 8)
}
