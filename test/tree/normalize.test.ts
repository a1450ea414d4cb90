import { describe, expect, test } from 'vitest'
import { lookup } from '../../src/tree/lookup.ts'
import type { DirectoryNode, Metadata, TreeNode } from '../../src/tree/model.ts'
import { normalizeTree } from '../../src/tree/normalize.ts'
import { directory, EPOCH, file, makeTree, metadata, symlink } from './make-tree.ts'

const OPTIONS = { sourceDateEpoch: EPOCH.seconds }
const ACL = new Map([['system.posix_acl_access', new Uint8Array(4)]])

function metadataOf(tree: DirectoryNode, path: string): Metadata | undefined {
  return lookup(tree, path, { follow: 'none' })?.node.metadata
}

function normalModeOf(node: TreeNode, preserveOwner = false): string {
  const tree = normalizeTree(makeTree({ 'usr/x': node }), { ...OPTIONS, preserveOwner })
  return (metadataOf(tree, 'usr/x')?.mode ?? 0).toString(8)
}

describe('owners', () => {
  const tree = makeTree({ 'usr/x': file('', { uid: 1000, gid: 100 }) })

  test('become root', () => {
    expect(metadataOf(normalizeTree(tree, OPTIONS), 'usr/x')).toMatchObject({ uid: 0, gid: 0 })
  })

  test('stay when asked to', () => {
    const kept = normalizeTree(tree, { ...OPTIONS, preserveOwner: true })
    expect(metadataOf(kept, 'usr/x')).toMatchObject({ uid: 1000, gid: 100 })
  })
})

describe('times', () => {
  const cases = [
    ['later', { seconds: EPOCH.seconds + 1, nanoseconds: 0 }, EPOCH],
    ['later by a nanosecond', { ...EPOCH, nanoseconds: 1 }, EPOCH],
    ['the source date', EPOCH, EPOCH],
    ['earlier', { seconds: 5, nanoseconds: 7 }, { seconds: 5, nanoseconds: 7 }],
    ['before 1970', { seconds: -5, nanoseconds: 7 }, { seconds: -5, nanoseconds: 7 }],
  ] as const

  test.each(cases)('%s', (_, mtime, expected) => {
    const tree = normalizeTree(makeTree({ 'usr/x': file('', { mtime }) }), OPTIONS)
    expect(metadataOf(tree, 'usr/x')?.mtime).toEqual(expected)
  })

  test.each([-1, 0.5, Number.NaN])('refuses the source date %s', (sourceDateEpoch) => {
    expect(() => normalizeTree(makeTree({}), { sourceDateEpoch })).toThrow(RangeError)
  })
})

describe('modes', () => {
  test.each(['600', '440', '4755', '2711', '1644', '0', '666', '777', '606'])(
    '%s of a file stays',
    (mode) => {
      expect(normalModeOf(file('', { mode: Number.parseInt(mode, 8) }))).toBe(mode)
    },
  )

  test.each([
    ['664', '644'],
    ['775', '755'],
    ['660', '640'],
    ['2775', '2755'],
  ])('%s loses what only the umask gave it', (mode, expected) => {
    expect(normalModeOf(file('', { mode: Number.parseInt(mode, 8) }))).toBe(expected)
    expect(normalModeOf(directory({ mode: Number.parseInt(mode, 8) }))).toBe(expected)
  })

  test('sticky directories stay open', () => {
    expect(normalModeOf(directory({ mode: 0o1777 }))).toBe('1777')
  })

  test('group write stays with the owner, and as the mask of an access list', () => {
    expect(normalModeOf(file('', { mode: 0o664 }), true)).toBe('664')
    expect(normalModeOf(file('', { mode: 0o674, xattrs: ACL }))).toBe('674')
  })

  test('a device keeps its mode, a symbolic link has the mode Linux shows', () => {
    const device = { kind: 'character-device', metadata: metadata({ mode: 0o660 }) } as const
    expect(normalModeOf({ ...device, major: 1, minor: 3 })).toBe('660')
    expect(normalModeOf({ ...symlink('a'), metadata: metadata({ mode: 0o755 }) })).toBe('777')
  })
})

test('the top says nothing about the folder it was', () => {
  const top = { mode: 0o700, uid: 7, gid: 7, mtime: { seconds: 1, nanoseconds: 1 } }
  const tree = { ...makeTree({ usr: directory() }), metadata: metadata(top) }
  const kept = normalizeTree(tree, { ...OPTIONS, preserveOwner: true })
  expect(kept.metadata).toEqual(metadata({ mode: 0o755 }))
})

test('hard links stay one node, and equal metadata one object', () => {
  const linked = file('linked')
  const tree = normalizeTree(
    makeTree({ 'usr/a': linked, 'usr/b': linked, 'usr/c': file() }),
    OPTIONS,
  )
  const [a, b, c] = ['usr/a', 'usr/b', 'usr/c'].map((path) => lookup(tree, path)?.node)
  expect(a).toBe(b)
  expect(c).not.toBe(a)
  expect(c?.metadata).toBe(a?.metadata)
})

test('a second time changes nothing', () => {
  const tree = makeTree({ 'usr/a': file('', { mode: 0o664, uid: 5 }), 'usr/b': symlink('a') })
  const once = normalizeTree(tree, OPTIONS)
  expect(normalizeTree(once, OPTIONS)).toEqual(once)
})
