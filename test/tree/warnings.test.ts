import { describe, expect, test } from 'vitest'
import type { TreeNode } from '../../src/tree/model.ts'
import { findWarnings } from '../../src/tree/warnings.ts'
import { directory, file, makeTree, metadata, symlink } from './make-tree.ts'

type Nodes = Readonly<Record<string, TreeNode>>

const program = file('', { mode: 0o755 })
const setuid = file('', { mode: 0o4644 })
const capable = file('', { xattrs: new Map([['security.capability', new Uint8Array(20)]]) })
const whiteout = { kind: 'character-device', metadata: metadata(), major: 0, minor: 0 } as const
const nullDevice = { ...whiteout, major: 1, minor: 3 }
const socket = { kind: 'socket', metadata: metadata() } as const

const CASES: readonly (readonly ['sysext' | 'confext', Nodes, readonly string[]])[] = [
  ['sysext', { 'usr/a': program, 'usr/b': setuid, 'usr/c': capable, 'usr/d': whiteout }, []],
  ['sysext', { 'usr/link': symlink('/etc') }, []],
  ['confext', { 'etc/a': file('', { mode: 0o600 }), 'etc/ssl': directory({ mode: 0o700 }) }, []],
  ['confext', { 'etc/a': setuid }, ['etc/a gives privileges']],
  ['confext', { 'etc/a': capable }, ['etc/a gives privileges']],
  ['confext', { 'etc/a': program, 'etc/b': program }, ['etc/a is executable.* (and 1 more)']],
  ['confext', { etc: directory({ mode: 0o700 }) }, ['etc is closed']],
  ['confext', { 'etc/os-release': file() }, ["etc/os-release replaces the host's"]],
  ['sysext', { 'usr/null': nullDevice }, ['usr/null is a device']],
  ['sysext', { 'usr/s': socket }, ['usr/s is a socket']],
  ['sysext', { 'usr/a': file('', { uid: 5 }) }, ['usr/a belongs to']],
  ['sysext', { 'usr/a': file('', { mode: 0o666 }) }, ['usr/a is writable']],
  ['sysext', { 'usr/a': directory({ mode: 0o777 }) }, ['usr/a is writable']],
  ['sysext', { 'usr/a': directory({ mode: 0o1777 }) }, []],
  ['sysext', { 'usr/a': directory({ mode: 0o750 }) }, ['usr/a is closed']],
]

describe('warnings', () => {
  test.each(CASES)('for a %s with %o', (kind, nodes, expected) => {
    const found = findWarnings(makeTree(nodes), kind)
    expect(found).toHaveLength(expected.length)
    for (const [index, text] of expected.entries()) {
      const pattern = text.replace(/[()]/g, '\\$&')
      expect(found[index]).toMatch(new RegExp(`^${pattern}`))
    }
  })

  test('name what is not UTF-8', () => {
    const usr = { ...directory(), entries: [{ name: Uint8Array.of(0xff), node: file() }] }
    expect(findWarnings(makeTree({ usr: directory() }), 'sysext')).toEqual([])
    const tree = { ...directory(), entries: [{ name: Buffer.from('usr'), node: usr }] }
    expect(findWarnings(tree, 'sysext')).toEqual(['usr/\ufffd has a name that is not UTF-8'])
  })
})
