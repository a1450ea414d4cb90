import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { lookup } from '../../src/tree/lookup.ts'
import { parseManifest } from '../../src/tree/manifest.ts'
import { applyManifest } from '../../src/tree/manifest-apply.ts'
import type { DirectoryNode, TreeNode } from '../../src/tree/model.ts'
import { directory, EPOCH, file, makeTree, metadata, symlink } from './make-tree.ts'

const NEW_TIME = { seconds: 7, nanoseconds: 0 }

const linked = file('linked')
const tree = makeTree({
  'usr/bin/ping': file('ping', { mode: 0o755, xattrs: new Map([['user.z', encodeUtf8('1')]]) }),
  'usr/bin/one': linked,
  'usr/bin/two': linked,
  'usr/bin/sh': symlink('ping'),
  'usr/share/doc': directory(),
})

function apply(...lines: readonly string[]): DirectoryNode {
  return applyManifest(tree, parseManifest(lines.join('\n'), 'm'), NEW_TIME)
}

function find(changed: DirectoryNode, path: string): TreeNode | undefined {
  return lookup(changed, path, { follow: 'none' })?.node
}

describe('a manifest', () => {
  test('changes what it mentions and nothing else', () => {
    const changed = apply('./usr/bin/ping uid=5 xattr.user.a="2"')
    const xattrs = new Map([
      ['user.a', encodeUtf8('2')],
      ['user.z', encodeUtf8('1')],
    ])
    const ping = find(changed, 'usr/bin/ping')
    expect(ping?.metadata).toEqual(metadata({ mode: 0o755, uid: 5, xattrs }))
    expect([...(ping?.metadata.xattrs.keys() ?? [])]).toEqual(['user.a', 'user.z'])
    expect(find(changed, 'usr/share')).toEqual(find(tree, 'usr/share'))
    expect(apply()).toEqual(tree)
  })

  test('changes the top', () => {
    expect(apply('. mode=0711 gid=3').metadata).toEqual(metadata({ mode: 0o711, gid: 3 }))
  })

  test('changes all names of a hard link', () => {
    const changed = apply('./usr/bin/one mode=4755', './usr/bin/two mode=4755 gid=8')
    expect(find(changed, 'usr/bin/one')).toBe(find(changed, 'usr/bin/two'))
    expect(find(changed, 'usr/bin/one')?.metadata).toMatchObject({ mode: 0o4755, gid: 8 })
  })

  test('changes a link and not what it leads to', () => {
    const changed = apply('/set mode=0644', './usr/bin/sh uid=9')
    expect(find(changed, 'usr/bin/sh')?.metadata).toEqual(metadata({ mode: 0o777, uid: 9 }))
    expect(find(changed, 'usr/bin/ping')).toEqual(find(tree, 'usr/bin/ping'))
  })

  const NEW = [
    ['./usr/a type=dir', { kind: 'directory', entries: [], metadata: { mode: 0o755 } }],
    ['./usr/a type=dir mode=1777', { kind: 'directory', metadata: { mode: 0o1777 } }],
    ['./usr/a type=fifo mode=600 gid=4', { kind: 'fifo', metadata: { mode: 0o600, gid: 4 } }],
    ['./usr/a type=socket mode=600', { kind: 'socket' }],
    [
      './usr/a type=char mode=666 device=linux,1,3',
      { kind: 'character-device', major: 1, minor: 3 },
    ],
    ['./usr/a type=block mode=660 device=linux,8,0', { kind: 'block-device', major: 8, minor: 0 }],
    ['./usr/a type=link mode=600 link=bin/ping', { kind: 'symlink', metadata: { mode: 0o777 } }],
  ] as const

  test.each(NEW)('adds %s', (line, expected) => {
    expect(find(apply(line), 'usr/a')).toMatchObject(expected)
    expect(find(apply(line), 'usr/a')?.metadata).toMatchObject({ uid: 0, mtime: NEW_TIME })
  })

  test('adds what lies in what it adds, in any order', () => {
    const changed = apply('./opt/a/b type=fifo mode=600', './opt/a type=dir mode=0750')
    expect(find(changed, 'opt')?.metadata).toEqual(metadata({ mode: 0o755, mtime: NEW_TIME }))
    expect(find(changed, 'opt/a')?.metadata.mode).toBe(0o750)
    expect(find(changed, 'opt/a/b')?.kind).toBe('fifo')
  })

  test('gives a time that stays even if it is later than the source date', () => {
    const later = EPOCH.seconds + 1
    expect(find(apply(`./usr time=${later}`), 'usr')?.metadata.mtime.seconds).toBe(later)
  })
})

describe('refused', () => {
  const CASES = [
    ['./usr/bin/pign mode=1', 'usr/bin/pign is not in the tree', 'did you mean ./usr/bin/ping'],
    ['./usr/bni/ping mode=1', 'is not in the tree', 'did you mean ./usr/bin/ping'],
    ['./usr/bni mode=1', 'is not in the tree', 'did you mean ./usr/bin'],
    ['./sbin/ping mode=1', 'is not in the tree', 'did you mean ./usr/bin/ping'],
    ['./usr/bin/something-else mode=1', 'is not in the tree', undefined],
    ['./usr/bin/ping/x mode=1', 'is not in the tree', 'did you mean ./usr/bin/ping'],
    ['./usr/a type=file mode=644', 'is not in the tree', undefined],
    ['./usr/a type=fifo', 'usr/a is new and needs a mode', undefined],
    ['./usr/a type=link', 'needs link=TARGET', undefined],
    ['./usr/a type=char mode=666', 'needs device=linux,MAJOR,MINOR', undefined],
    ['./usr/bin type=file', 'usr/bin is a directory, not a file', undefined],
    ['./usr/bin/sh link=other', 'no symbolic link to that target', undefined],
    ['./usr/bin/ping device=linux,1,3', 'is no such device', undefined],
    ['./usr/bin capability=cap_kill=p', 'only files have capabilities', undefined],
  ] as const

  test.each(CASES)('%s', (line, fact, hint) => {
    expect(() => apply('# line 1', line)).toThrow(
      expect.objectContaining({
        code: 'BAD_MANIFEST',
        hint,
        message: expect.stringContaining(fact),
      }),
    )
    expect(() => apply('# line 1', line)).toThrow('m line 2: ')
  })

  test('two names of one file that are told different things', () => {
    const lines = ['./usr/bin/one mode=600', './usr/bin/two mode=644'] as const
    expect(() => apply(...lines)).toThrow(
      'm line 2: usr/bin/two is the same file as usr/bin/one, which line 1 gives another mode',
    )
  })
})
