/**
 * File capabilities: the text of setcap(8) as the bytes of `security.capability`.
 *
 * The bytes are `struct vfs_cap_data`, revision 2, or revision 3 where they are bound to the root
 * user of one user namespace. See linux/capability.h and cap_from_text(3).
 */

import { encode, struct, u32le } from '../bytes/struct.ts'

/** Capability names in the order of their numbers, Linux 5.9 to date. */
const NAMES = (
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable ' +
  'net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio ' +
  'sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time ' +
  'sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog ' +
  'wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'
)
  .split(' ')
  .map((name) => `cap_${name}`)

const ALL = (1n << BigInt(NAMES.length)) - 1n
const REVISION_2 = 0x02000000
const REVISION_3 = 0x03000000
const EFFECTIVE = 1

const VfsCapData = struct({
  magic: u32le,
  permittedLow: u32le,
  inheritableLow: u32le,
  permittedHigh: u32le,
  inheritableHigh: u32le,
})

type Flag = 'e' | 'i' | 'p'
type Sets = Record<Flag, bigint>

/**
 * The value of `security.capability` for text such as `cap_net_raw,cap_net_admin=ep`, several
 * clauses separated by blanks. `rootId` binds it to the user namespace whose root is that user.
 *
 * @throws SyntaxError saying what is wrong with the text.
 */
export function encodeCapability(text: string, rootId?: number): Uint8Array {
  const sets: Sets = { e: 0n, i: 0n, p: 0n }
  const clauses = text.split(/\s+/).filter((clause) => clause !== '')
  if (clauses.length === 0) throw new SyntaxError('no capability is named')
  for (const clause of clauses) applyClause(sets, clause)
  const available = sets.p | sets.i
  // A file has one effective bit for all its capabilities.
  if (sets.e !== 0n && sets.e !== available) {
    throw new SyntaxError('effective must hold for all capabilities of a file or for none')
  }
  const revision = rootId === undefined ? REVISION_2 : REVISION_3
  const data = encode(VfsCapData, {
    magic: revision | (sets.e === 0n ? 0 : EFFECTIVE),
    permittedLow: low(sets.p),
    inheritableLow: low(sets.i),
    permittedHigh: high(sets.p),
    inheritableHigh: high(sets.i),
  })
  if (rootId === undefined) return data
  return Uint8Array.of(...data, ...encode(u32le, rootId))
}

/** One clause: names, then operators with flags, such as `cap_chown,cap_kill=p+e`. */
function applyClause(sets: Sets, clause: string): void {
  const [, list, actions] = /^([a-z0-9_,]*)((?:[=+-][eip]*)+)$/i.exec(clause) ?? []
  if (list === undefined || actions === undefined) {
    throw new SyntaxError(`"${clause}" is not of the form cap_name=ep`)
  }
  if (list === '' && actions[0] !== '=') {
    throw new SyntaxError(`"${clause}" names no capability`)
  }
  const mask = maskOf(list)
  for (const [, operator, flags = ''] of actions.matchAll(/([=+-])([eip]*)/gi)) {
    if (flags === '' && operator !== '=') {
      throw new SyntaxError(`"${clause}" has ${operator} without flags`)
    }
    for (const flag of ['e', 'i', 'p'] as const) {
      const named = flags.toLowerCase().includes(flag)
      if (operator === '=' || (operator === '-' && named)) sets[flag] &= ~mask
      if (operator !== '-' && named) sets[flag] |= mask
    }
  }
}

function maskOf(list: string): bigint {
  if (list === '' || list.toLowerCase() === 'all') return ALL
  let mask = 0n
  for (const name of list.toLowerCase().split(',')) {
    const number = NAMES.indexOf(name)
    if (number === -1) throw new SyntaxError(`there is no capability "${name}"`)
    mask |= 1n << BigInt(number)
  }
  return mask
}

function low(set: bigint): number {
  return Number(set & 0xffffffffn)
}

function high(set: bigint): number {
  return Number(set >> 32n)
}
