import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { encodeCapability } from '../../src/tree/capability.ts'

// What setcap 2.66 wrote for each of them.
const VECTORS = [
  ['cap_net_raw+ep', '0100000200200000000000000000000000000000'],
  ['cap_net_bind_service=ep', '0100000200040000000000000000000000000000'],
  ['cap_net_raw=p', '0000000200200000000000000000000000000000'],
  ['cap_sys_admin,cap_net_raw=eip', '0100000200202000002020000000000000000000'],
  ['=ep', '01000002ffffffff00000000ff01000000000000'],
  ['all=ep', '01000002ffffffff00000000ff01000000000000'],
  ['=', '0000000200000000000000000000000000000000'],
  ['cap_bpf+i', '0000000200000000000000000000000080000000'],
  ['cap_checkpoint_restore=ep cap_chown+i cap_chown+e', '0100000200000000010000000001000000000000'],
  ['cap_net_raw=ep-e', '0000000200200000000000000000000000000000'],
  ['CAP_NET_RAW=EP', '0100000200200000000000000000000000000000'],
] as const

const INVALID = [
  ['', 'no capability is named'],
  ['cap_net_raw', 'not of the form'],
  ['cap_net_row=ep', 'there is no capability "cap_net_row"'],
  ['cap_chown,,cap_kill=p', 'there is no capability ""'],
  ['+ep', 'names no capability'],
  ['cap_chown+', 'without flags'],
  ['cap_chown=x', 'not of the form'],
  ['cap_chown=p cap_kill=ep', 'effective must hold'],
  ['=e', 'effective must hold'],
] as const

describe('capabilities', () => {
  test.each(VECTORS)('%s is encoded as setcap does', (text, hex) => {
    expect(toHex(encodeCapability(text))).toBe(hex)
  })

  test('a root user makes it revision 3', () => {
    const hex = toHex(encodeCapability('cap_net_raw+ep', 1000))
    expect(hex).toBe('0100000300200000000000000000000000000000e8030000')
  })

  test.each(INVALID)('refuses "%s"', (text, reason) => {
    expect(() => encodeCapability(text)).toThrow(SyntaxError)
    expect(() => encodeCapability(text)).toThrow(reason)
  })
})
